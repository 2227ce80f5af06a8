import type { AbortedEntry } from '../format/segment-index.ts'
import type { LastBatch, OffsetInterval, SegmentRecord } from '../format/segment-record.ts'
import type { SegmentUpload } from '../repository/segment-upload.ts'
import type { CutFrame } from './batch-intake.ts'
import { type FrameMinimum, knownMinima } from './minimum-finder.ts'
import type { EncodedFrame } from './small-part.ts'

/** A segment of one partition while it grows, with what is known beyond its frames. */
export class OpenSegment {
  readonly upload: SegmentUpload
  readonly beginOffset: bigint
  readonly #holes: OffsetInterval[] = []
  readonly #minima: (FrameMinimum | null)[] = []
  #endOffset: bigint
  #lastBatch: LastBatch | null = null

  constructor(upload: SegmentUpload, beginOffset: bigint) {
    this.upload = upload
    this.beginOffset = beginOffset
    this.#endOffset = beginOffset
  }

  get endOffset(): bigint {
    return this.#endOffset
  }

  /** Of its frames, in their order. */
  get minima(): readonly (FrameMinimum | null)[] {
    return this.#minima
  }

  /** Writes one frame; resolves with the bytes it takes. */
  async add({ statistics, rawBytes, holes, lastBatch }: CutFrame, encoded: EncodedFrame): Promise<number> {
    const before = this.upload.bytes
    await this.upload.addFrame({ ...statistics, stream: 0, rawBytes }, encoded.chunks, encoded.sha256)
    this.#holes.push(...holes)
    this.#minima.push(encoded.minimum)
    this.#endOffset = statistics.lastOffset + 1n
    this.#lastBatch = lastBatch
    return this.upload.bytes - before
  }

  /** Makes it durable, with the minima that are known by now. */
  close(aborted: readonly AbortedEntry[], lineage: number): Promise<SegmentRecord> {
    const { beginOffset } = this
    const extent = { beginOffset, holes: this.#holes, lineage, lastBatch: this.#lastBatch }
    return this.upload.close(aborted, [extent], knownMinima(this.#minima))
  }
}
