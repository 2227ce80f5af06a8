import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { AbortedEntry, FrameEntry } from '../format/segment-index.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { AbortedTransactionFilter } from '../protocol/aborted-transactions.ts'
import { SegmentReader, type TransformsById } from '../repository/segment-reader.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { type ClippedPart, isWholePart, type TimeWindow } from './restore-plan.ts'
import { isInsideWindow, mayHoldTime } from './time-window.ts'

/** Where frames come from. */
export interface FrameSourceOptions {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly transforms: TransformsById
  readonly signal: AbortSignal
}

/** A frame of which at least some records may be wanted. Offsets [beginOffset, endOffset); null: no bound. */
export interface LocatedFrame {
  readonly reader: SegmentReader
  readonly entry: FrameEntry
  readonly filter: AbortedTransactionFilter
  readonly beginOffset: bigint | null
  readonly endOffset: bigint | null
  /** Records outside of it are not wanted; null: the times of all records are. */
  readonly window: TimeWindow | null
}

/** A frame with its batches, in a buffer that may be changed. */
export interface LoadedFrame extends LocatedFrame {
  readonly batches: Buffer
}

/** True when every record of the frame is wanted, so that the index says how many there are. */
export function isWholeFrame(frame: LocatedFrame): boolean {
  return frame.beginOffset === null && frame.endOffset === null && frame.window === null
}

/** Records that a reader passes over without looking at them; counted down as it does. */
export interface Skipping {
  records: bigint
}

/**
 * The frames of some parts in order, one read ahead of the caller. Frames without a wanted record are not read; nor are those
 * whose records are all to be skipped.
 * @throws KB_SEGMENT_CORRUPT (also when a segment is missing), KB_TRANSFORM_UNAVAILABLE
 */
export async function* readFrames(
  options: FrameSourceOptions,
  parts: readonly ClippedPart[],
  window: TimeWindow | null,
  skipping: Skipping,
): AsyncGenerator<LoadedFrame, void, undefined> {
  let ahead: Promise<LoadedFrame> | undefined
  for await (const frame of locateFrames(options, parts, window, skipping)) {
    const loading = loadFrame(frame, options.signal)
    loading.catch(() => undefined)
    if (ahead) yield await ahead
    ahead = loading
  }
  if (ahead) yield await ahead
}

async function loadFrame(frame: LocatedFrame, signal: AbortSignal): Promise<LoadedFrame> {
  return { ...frame, batches: await frame.reader.readBatches(frame.entry, signal) }
}

async function* locateFrames(
  options: FrameSourceOptions,
  parts: readonly ClippedPart[],
  window: TimeWindow | null,
  skipping: Skipping,
): AsyncGenerator<LocatedFrame> {
  let isSkipping = skipping.records > 0n
  for (const clipped of parts) {
    const { segment, part, beginOffset, endOffset } = clipped
    if (isSkipping && isWholePart(clipped, window) && skipping.records >= BigInt(part.records)) {
      skipping.records -= BigInt(part.records)
      continue
    }
    const reader = await openSegment(options, segment)
    const stream = segment.parts.indexOf(part)
    const own = (entry: AbortedEntry) => entry.stream === stream
    const filter = new AbortedTransactionFilter(reader.index.aborted.filter(own))
    for (const entry of reader.index.frames.slice(part.frames[0], part.frames[1])) {
      const frame = clipFrame({ reader, entry, filter, beginOffset, endOffset, window })
      if (!frame) continue
      if (isSkipping && isWholeFrame(frame) && skipping.records >= BigInt(entry.records)) {
        skipping.records -= BigInt(entry.records)
        continue
      }
      // From here on whoever reads the records counts: frames are read ahead, and their counts are not known yet.
      isSkipping = false
      yield frame
    }
  }
}

/** The frame with the bounds that cut it, or undefined when nothing of it is wanted. */
function clipFrame(frame: LocatedFrame): LocatedFrame | undefined {
  const { entry, beginOffset, endOffset, window } = frame
  if (beginOffset !== null && entry.lastOffset < beginOffset) return
  if (endOffset !== null && entry.firstOffset >= endOffset) return
  if (window !== null && !mayHoldTime(entry, window)) return
  return {
    ...frame,
    beginOffset: beginOffset !== null && entry.firstOffset < beginOffset ? beginOffset : null,
    endOffset: endOffset !== null && entry.lastOffset >= endOffset ? endOffset : null,
    window: window !== null && isInsideWindow(entry, window) ? null : window,
  }
}

async function openSegment(options: FrameSourceOptions, segment: SegmentRecord): Promise<SegmentReader> {
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
