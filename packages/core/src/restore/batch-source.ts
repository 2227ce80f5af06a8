import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { hasUnknownMinimum } from '../format/frame-minimum.ts'
import type { ClippedPart } from '../format/held-parts.ts'
import type { AbortedEntry, FrameEntry } from '../format/segment-index.ts'
import type { SegmentPart, SegmentRecord } from '../format/segment-record.ts'
import { AbortedTransactionFilter } from '../protocol/aborted-transactions.ts'
import { readMinima } from '../repository/kept-minima.ts'
import { newestRemovalOf } from '../repository/removal-of.ts'
import { SegmentReader, type TransformsById } from '../repository/segment-reader.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { type FrameContent, piecesOf, type SourcePiece, type SourceWish } from './frame-pieces.ts'
import type { LearnedMinima } from './learned-minima.ts'
import { isCounted } from './restore-sources.ts'
import { coverageOf, type TimeWindow } from './time-window.ts'

/** Where batches come from. */
export interface BatchSourceOptions {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly transforms: TransformsById
  /** Told of minima that a window came across; absent: nobody wants to know. */
  readonly learned?: LearnedMinima | undefined
  readonly signal: AbortSignal
}

/** Counts down the records that are passed over. */
export interface SkipCounter {
  left: bigint
}

/**
 * The committed data of some parts of one partition, in order: verified against the archive's digests and each batch's
 * CRC, without control batches and aborted data, from record `skip.left` of what is wanted on. What is passed over is not read where
 * the index says how many records it holds. One frame is read ahead.
 * @throws KB_SEGMENT_CORRUPT (also when the segment is missing), KB_PRUNED, KB_BATCH_CORRUPT, KB_TRANSFORM_UNAVAILABLE
 */
export async function* readSourcePieces(
  options: BatchSourceOptions,
  parts: readonly ClippedPart[],
  wish: SourceWish,
  skip: SkipCounter,
): AsyncGenerator<SourcePiece, void, undefined> {
  const frames = framesOf(options, parts, wish, skip)
  const nextContent = async (): Promise<FrameContent | undefined> => {
    const { done, value: frame } = await frames.next()
    return done ? undefined : loadFrame(frame, options)
  }
  let coming = nextContent()
  for (;;) {
    const content = await coming
    if (!content) return
    // As long as records are passed over, what one frame holds decides whether the next one is read.
    const isReadAhead = skip.left === 0n
    if (isReadAhead) coming = readAhead(nextContent())
    yield* piecesOf(content, wish, skip)
    if (!isReadAhead) coming = nextContent()
  }
}

/** What fails is told when its turn comes: everything before it is given first. */
function readAhead<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

interface LocatedFrame extends Omit<FrameContent, 'batches'> {
  readonly reader: SegmentReader
  /** Its number in the index, where a window reads it and nobody knows its minimum. */
  readonly unknownNumber: number | null
}

async function* framesOf(
  options: BatchSourceOptions,
  parts: readonly ClippedPart[],
  wish: SourceWish,
  skip: SkipCounter,
): AsyncGenerator<LocatedFrame, void, undefined> {
  for (const clip of parts) {
    const { segment, part } = clip
    if (isCounted(clip, wish.window) && passesOver(skip, part.records)) continue
    const reader = await openSegment(options, segment)
    const stream = segment.parts.indexOf(part)
    const own = (entry: AbortedEntry) => entry.stream === stream
    const filter = new AbortedTransactionFilter(reader.index.aborted.filter(own))
    const minima = await keptMinima(options, reader, part, wish.window)
    for (const [at, entry] of reader.index.frames.slice(part.frames[0], part.frames[1]).entries()) {
      const number = part.frames[0] + at
      const frame = clippedFrame(clip, entry)
      const minTimestampMs = entry.minTimestampMs ?? minima.get(number) ?? null
      const coverage = coverageOf(wish.window, { minTimestampMs, maxTimestampMs: entry.maxTimestampMs })
      if (!frame || coverage === 'outside') continue
      const isWhole = frame.beginOffset === null && frame.endOffset === null && coverage === 'inside'
      if (isWhole && passesOver(skip, entry.records)) continue
      if (skip.left === 0n && wish.isFrameChosen?.(entry) === false) continue
      const unknownNumber =
        wish.window !== null && hasUnknownMinimum({ ...entry, minTimestampMs }) ? number : null
      const isInWindow = coverage === 'inside'
      yield { ...frame, key: segment.key, reader, entry, filter, isInWindow, unknownNumber }
    }
  }
}

/** Asked for only where they decide whether a frame is read. */
async function keptMinima(
  { storage, backupId, signal }: BatchSourceOptions,
  { record, index }: SegmentReader,
  part: SegmentPart,
  window: TimeWindow | null,
): Promise<ReadonlyMap<number, bigint>> {
  const { frames } = index
  const own = frames.slice(part.frames[0], part.frames[1])
  const isWanted = own.some((entry) => hasUnknownMinimum(entry) && coverageOf(window, entry) === 'partly')
  return isWanted ? readMinima(storage, backupId, { record, frames }, signal) : new Map()
}

/** Nothing is passed over, and nothing needs to be read, where there is no record. */
function passesOver(skip: SkipCounter, records: number): boolean {
  if (records === 0 || skip.left === 0n || BigInt(records) > skip.left) return false
  skip.left -= BigInt(records)
  return true
}

/** The bounds that lie inside the frame; undefined when nothing of it is wanted. */
function clippedFrame(
  clip: ClippedPart,
  entry: FrameEntry,
): Pick<FrameContent, 'beginOffset' | 'endOffset'> | undefined {
  const { beginOffset, endOffset } = clip
  if (beginOffset !== null && entry.lastOffset < beginOffset) return
  if (endOffset !== null && entry.firstOffset >= endOffset) return
  return {
    beginOffset: beginOffset !== null && entry.firstOffset < beginOffset ? beginOffset : null,
    endOffset: endOffset !== null && entry.lastOffset >= endOffset ? endOffset : null,
  }
}

async function openSegment(options: BatchSourceOptions, segment: SegmentRecord): Promise<SegmentReader> {
  const { storage, backupId, transforms, signal } = options
  try {
    return await SegmentReader.open(storage, backupId, segment, transforms, signal)
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) throw error
    await assertNotRemoved(options, segment)
    // The store is well; it is the backup that lacks something.
    const message = `${segment.key}: a commit names it, and it is not there`
    throw new KafkaBackupError('KB_SEGMENT_CORRUPT', message, { context: error.context, cause: error })
  }
}

/** It may have been taken out and deleted since the plan was made. @throws KB_PRUNED */
async function assertNotRemoved(
  { storage, backupId, signal }: BatchSourceOptions,
  segment: SegmentRecord,
): Promise<void> {
  const [part] = segment.parts
  const removal = part && (await newestRemovalOf(storage, backupId, { segment, part }, signal))
  if (!part || removal === undefined) return
  throw new KafkaBackupError('KB_PRUNED', `${removal} while they were read`, {
    context: { backup: backupId, topic: part.topic, partition: part.partition },
  })
}

async function loadFrame(
  { reader, unknownNumber, ...frame }: LocatedFrame,
  { learned, signal }: BatchSourceOptions,
): Promise<FrameContent> {
  const { entry } = frame
  const batches = await reader.readBatches(entry, signal)
  if (unknownNumber !== null) learned?.learn(reader.record, unknownNumber, batches, entry.maxTimestampMs)
  return { ...frame, batches }
}
