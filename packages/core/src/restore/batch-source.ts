import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { AbortedEntry, FrameEntry } from '../format/segment-index.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { AbortedTransactionFilter } from '../protocol/aborted-transactions.ts'
import { isProducible } from '../protocol/batch-patch.ts'
import type { Codec } from '../protocol/codec.ts'
import { type KafkaRecord, readRecords } from '../protocol/record.ts'
import { assertBatch, BatchCursor, verifyCrc } from '../protocol/record-batch.ts'
import { SegmentReader, type TransformsById } from '../repository/segment-reader.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { MessageMerger } from './message-merger.ts'
import { reencodeBatch } from './reencode-batch.ts'
import type { ClippedPart } from './restore-plan.ts'

/** A batch that may be produced after its header was patched; offsets of the source. */
export interface SourceBatch {
  readonly bytes: Buffer
  readonly records: number
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  /** True when it had to be encoded again: holes of compaction, append times, an old format, or records that were deleted. */
  readonly isReencoded: boolean
}

/** Where batches come from. */
export interface BatchSourceOptions {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly transforms: TransformsById
  readonly signal: AbortSignal
}

/**
 * The committed data of some parts of one partition, in order: verified against the archive's digests and each batch's
 * CRC, without control batches and aborted data. One frame is read ahead.
 * @throws KB_SEGMENT_CORRUPT (also when the segment is missing), KB_BATCH_CORRUPT, KB_TRANSFORM_UNAVAILABLE
 */
export async function* readSourceBatches(
  options: BatchSourceOptions,
  parts: readonly ClippedPart[],
): AsyncGenerator<SourceBatch, void, undefined> {
  let ahead: Promise<LoadedFrame> | undefined
  for await (const frame of framesOf(options, parts)) {
    const loading = loadFrame(frame, options.signal)
    loading.catch(() => undefined)
    if (ahead) yield* batchesOf(await ahead)
    ahead = loading
  }
  if (ahead) yield* batchesOf(await ahead)
}

interface LocatedFrame {
  readonly reader: SegmentReader
  readonly entry: FrameEntry
  readonly filter: AbortedTransactionFilter
  /** Only records below it are wanted; null: all are. */
  readonly endOffset: bigint | null
}

interface LoadedFrame extends LocatedFrame {
  readonly batches: Buffer
}

async function* framesOf(
  options: BatchSourceOptions,
  parts: readonly ClippedPart[],
): AsyncGenerator<LocatedFrame> {
  for (const { segment, part, endOffset } of parts) {
    const reader = await openSegment(options, segment)
    const stream = segment.parts.indexOf(part)
    const own = (entry: AbortedEntry) => entry.stream === stream
    const filter = new AbortedTransactionFilter(reader.index.aborted.filter(own))
    for (const entry of reader.index.frames.slice(part.frames[0], part.frames[1])) {
      const isWhole = endOffset === null || entry.lastOffset < endOffset
      if (isWhole || entry.firstOffset < endOffset) {
        yield { reader, entry, filter, endOffset: isWhole ? null : endOffset }
      }
    }
  }
}

async function openSegment(options: BatchSourceOptions, segment: SegmentRecord): Promise<SegmentReader> {
  const { storage, backupId, transforms, signal } = options
  try {
    return await SegmentReader.open(storage, backupId, segment, transforms, signal)
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) throw error
    // The store is well; it is the backup that lacks something.
    const message = `${segment.key}: a commit names it, and it is not there`
    throw new KafkaBackupError('KB_SEGMENT_CORRUPT', message, { context: error.context, cause: error })
  }
}

async function loadFrame(frame: LocatedFrame, signal: AbortSignal): Promise<LoadedFrame> {
  return { ...frame, batches: await frame.reader.readBatches(frame.entry, signal) }
}

function* batchesOf(frame: LoadedFrame): Generator<SourceBatch> {
  let records = 0
  for (const batch of mergedBatchesOf(frame)) {
    records += batch.records
    yield batch
  }
  const isCounted = frame.endOffset === null
  if (isCounted ? records !== frame.entry.records : records > frame.entry.records)
    throw outside(frame, frame.batches.length)
}

function* mergedBatchesOf(frame: LoadedFrame): Generator<SourceBatch> {
  const merger = new MessageMerger()
  for (const cursor of visibleBatches(frame)) {
    if (MessageMerger.takes(cursor) && merger.hasRoomFor(cursor)) {
      merger.add(cursor)
      continue
    }
    yield* encodedAgain(merger.flush(), 'none')
    if (MessageMerger.takes(cursor)) merger.add(cursor)
    else yield* toSourceBatches(cursor, frame)
  }
  yield* encodedAgain(merger.flush(), 'none')
}

/** One cursor, put on each batch that is neither control nor aborted. */
function* visibleBatches(frame: LoadedFrame): Generator<BatchCursor> {
  const { entry, filter, batches, endOffset } = frame
  const cursor = new BatchCursor(batches)
  while (cursor.next()) {
    verifyCrc(cursor)
    assertBatch(cursor)
    if (cursor.lastOffset < entry.firstOffset || cursor.lastOffset > entry.lastOffset)
      throw outside(frame, cursor.position)
    const isBeyond = endOffset !== null && cursor.baseOffset >= endOffset
    if (!isBeyond && !filter.drops(cursor)) yield cursor
  }
  if (cursor.partialBytes > 0) throw outside(frame, cursor.position)
}

function toSourceBatches(
  cursor: BatchCursor,
  { entry: { firstOffset }, endOffset }: LoadedFrame,
): SourceBatch[] {
  const { baseOffset, lastOffset, recordCount } = cursor
  const isWhole = baseOffset >= firstOffset && (endOffset === null || lastOffset < endOffset)
  if (isWhole && isProducible(cursor)) {
    const bytes = cursor.bytes
    return [{ bytes, records: recordCount, firstOffset: baseOffset, lastOffset, isReencoded: false }]
  }
  const kept = [...readRecords(cursor)].filter(
    ({ offset }) => offset >= firstOffset && (endOffset === null || offset < endOffset),
  )
  return encodedAgain(kept, cursor.codec)
}

/** A batch of its own, or none when there is no record. */
function encodedAgain(records: readonly KafkaRecord[], codec: Codec): SourceBatch[] {
  const [first] = records
  const last = records.at(-1)
  if (!first || !last) return []
  return [
    {
      bytes: reencodeBatch(codec, records),
      records: records.length,
      firstOffset: first.offset,
      lastOffset: last.offset,
      isReencoded: true,
    },
  ]
}

function outside(frame: LoadedFrame, position: number): KafkaBackupError {
  const { key } = frame.reader.record
  return new KafkaBackupError(
    'KB_SEGMENT_CORRUPT',
    `${key}: the batches of offsets ${frame.entry.firstOffset}-${frame.entry.lastOffset} are not those its index describes (byte ${position})`,
    { context: { key } },
  )
}
