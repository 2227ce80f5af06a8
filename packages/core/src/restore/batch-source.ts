import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { PlacedPart } from '../format/backup-state.ts'
import type { AbortedEntry, FrameEntry } from '../format/segment-index.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { AbortedTransactionFilter } from '../protocol/aborted-transactions.ts'
import { isProducible } from '../protocol/batch-patch.ts'
import { readRecords } from '../protocol/record.ts'
import { assertBatch, BatchCursor, verifyCrc } from '../protocol/record-batch.ts'
import { SegmentReader, type TransformsById } from '../repository/segment-reader.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { reencodeBatch } from './reencode-batch.ts'

/** A batch that may be produced after its header was patched; offsets of the source. */
export interface SourceBatch {
  readonly bytes: Buffer
  readonly records: number
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  /** True when it had to be encoded again: holes of compaction, append times, or records that were deleted. */
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
  parts: readonly PlacedPart[],
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
}

interface LoadedFrame extends LocatedFrame {
  readonly batches: Buffer
}

async function* framesOf(
  options: BatchSourceOptions,
  parts: readonly PlacedPart[],
): AsyncGenerator<LocatedFrame> {
  for (const { segment, part } of parts) {
    const reader = await openSegment(options, segment)
    const stream = segment.parts.indexOf(part)
    const own = (entry: AbortedEntry) => entry.stream === stream
    const filter = new AbortedTransactionFilter(reader.index.aborted.filter(own))
    for (const entry of reader.index.frames.slice(part.frames[0], part.frames[1]))
      yield { reader, entry, filter }
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
  const { entry, filter, batches } = frame
  const cursor = new BatchCursor(batches)
  let records = 0
  while (cursor.next()) {
    verifyCrc(cursor)
    assertBatch(cursor)
    if (cursor.lastOffset < entry.firstOffset || cursor.lastOffset > entry.lastOffset)
      throw outside(frame, cursor)
    if (filter.drops(cursor)) continue
    const batch = toSourceBatch(cursor, entry)
    if (!batch) continue
    records += batch.records
    yield batch
  }
  if (cursor.partialBytes > 0 || records !== entry.records) throw outside(frame, cursor)
}

function toSourceBatch(cursor: BatchCursor, entry: FrameEntry): SourceBatch | undefined {
  const { baseOffset, lastOffset, recordCount } = cursor
  if (baseOffset >= entry.firstOffset && isProducible(cursor)) {
    return {
      bytes: cursor.bytes,
      records: recordCount,
      firstOffset: baseOffset,
      lastOffset,
      isReencoded: false,
    }
  }
  const kept = [...readRecords(cursor)].filter((record) => record.offset >= entry.firstOffset)
  const [first] = kept
  const last = kept.at(-1)
  if (!first || !last) return undefined
  return {
    bytes: reencodeBatch(cursor, kept),
    records: kept.length,
    firstOffset: first.offset,
    lastOffset: last.offset,
    isReencoded: true,
  }
}

function outside(frame: LoadedFrame, cursor: BatchCursor): KafkaBackupError {
  const { key } = frame.reader.record
  return new KafkaBackupError(
    'KB_SEGMENT_CORRUPT',
    `${key}: the batches of offsets ${frame.entry.firstOffset}-${frame.entry.lastOffset} are not those its index describes (byte ${cursor.position})`,
    { context: { key } },
  )
}
