import { type FrameDescription, SegmentBuilder } from '../format/segment-builder.ts'
import type { SegmentHeader } from '../format/segment-header.ts'
import type { AbortedEntry, FrameEntry } from '../format/segment-index.ts'
import type { LastBatch, OffsetInterval, SegmentPart, SegmentRecord } from '../format/segment-record.ts'
import { invariant } from '../runtime/invariant.ts'
import type { ObjectWriter, StorageBackend } from '../storage/storage-backend.ts'

/** What the writer of a stream knows beyond its frames. Holes ascend and lie in [beginOffset, last offset). */
export interface StreamExtent {
  readonly beginOffset: bigint
  readonly holes: readonly OffsetInterval[]
  /** Number of the history; the first is 1. */
  readonly lineage: number
  readonly lastBatch: LastBatch | null
}

/** One segment being written to the store while it grows. */
export class SegmentUpload {
  readonly key: string
  readonly #header: SegmentHeader
  readonly #builder: SegmentBuilder
  readonly #writer: ObjectWriter

  private constructor(key: string, header: SegmentHeader, builder: SegmentBuilder, writer: ObjectWriter) {
    this.key = key
    this.#header = header
    this.#builder = builder
    this.#writer = writer
  }

  static async begin(
    storage: StorageBackend,
    key: string,
    header: SegmentHeader,
    signal?: AbortSignal,
  ): Promise<SegmentUpload> {
    const builder = new SegmentBuilder(header)
    const writer = await storage.openWrite(key, signal ? { signal } : {})
    const upload = new SegmentUpload(key, header, builder, writer)
    await upload.#guarded(() => writer.write([builder.headerFrame]))
    return upload
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#builder.bytes
  }

  /** Writes one frame; its chunks may be reused afterwards. `sha256` is their digest, taken by the caller. */
  addFrame(description: FrameDescription, chunks: readonly Uint8Array[], sha256?: string): Promise<void> {
    this.#builder.addFrame(description, chunks, sha256)
    return this.#guarded(() => this.#writer.write(chunks))
  }

  /**
   * Makes the segment durable; only then may a commit name it. `extents` has one entry for each stream of the header; `minima` are smallest
   * timestamps by the number of the frame, of frames that were written without.
   */
  async close(
    aborted: readonly AbortedEntry[],
    extents: readonly StreamExtent[],
    minima: ReadonlyMap<number, bigint> = new Map(),
  ): Promise<SegmentRecord> {
    const finished = this.#builder.finish(aborted, minima)
    await this.#guarded(async () => {
      await this.#writer.write(finished.tail)
      await this.#writer.commit()
    })
    return {
      key: this.key,
      bytes: finished.bytes,
      index: finished.indexLocation,
      parts: extents.map((extent, stream) => this.#part(stream, extent, finished.index.frames)),
    }
  }

  /** Discards the segment; nothing of it stays visible. */
  abort(): Promise<void> {
    return this.#writer.abort()
  }

  #part(stream: number, extent: StreamExtent, frames: readonly FrameEntry[]): SegmentPart {
    const identity = this.#header.streams[stream]
    const first = frames.findIndex((frame) => frame.stream === stream)
    const own = frames.filter((frame) => frame.stream === stream)
    invariant(identity && first >= 0, 'a stream without frames')
    return summarizePart(identity.topic, identity.partition, extent, own, first)
  }

  async #guarded<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      await this.#writer.abort()
      throw error
    }
  }
}

/** Sums of the frames of one stream, as the commit records them. `frames` is not empty and contiguous in the object. */
export function summarizePart(
  topic: string,
  partition: number,
  extent: StreamExtent,
  frames: readonly FrameEntry[],
  firstFrame: number,
): SegmentPart {
  const first = frames[0]
  const last = frames.at(-1)
  invariant(first && last, 'a part without frames')
  const sum = (pick: (frame: FrameEntry) => number) => frames.reduce((total, frame) => total + pick(frame), 0)
  return {
    topic,
    partition,
    lineage: extent.lineage,
    frames: [firstFrame, firstFrame + frames.length],
    beginOffset: extent.beginOffset,
    firstOffset: first.firstOffset,
    lastOffset: last.lastOffset,
    nextOffset: last.lastOffset + 1n,
    holes: extent.holes,
    records: sum((frame) => frame.records),
    abortedRecords: sum((frame) => frame.abortedRecords),
    batches: sum((frame) => frame.batches),
    controlBatches: sum((frame) => frame.controlBatches),
    storedBytes: sum((frame) => frame.bytes),
    rawBytes: sum((frame) => frame.rawBytes),
    minTimestampMs: earliest(frames),
    maxTimestampMs: frames.reduce(
      (max, frame) => (frame.maxTimestampMs > max ? frame.maxTimestampMs : max),
      -1n,
    ),
    leaderEpochs: mergeEpochs(frames),
    largestBatchBytes: frames.reduce((max, frame) => Math.max(max, frame.largestBatchBytes), 0),
    lastBatch: extent.lastBatch,
  }
}

/** Unknown as soon as one frame's minimum is unknown. Frames without data do not count. */
function earliest(frames: readonly FrameEntry[]): bigint | null {
  let min: bigint | null = null
  for (const frame of frames) {
    if (frame.batches === frame.controlBatches) continue
    if (frame.minTimestampMs === null) return null
    if (min === null || frame.minTimestampMs < min) min = frame.minTimestampMs
  }
  return min
}

function mergeEpochs(frames: readonly FrameEntry[]): FrameEntry['leaderEpochs'] {
  const merged: (readonly [number, bigint])[] = []
  for (const entry of frames.flatMap((frame) => frame.leaderEpochs)) {
    if (merged.at(-1)?.[0] !== entry[0]) merged.push(entry)
  }
  return merged
}
