import type { OffsetInterval, SegmentPart } from '../format/segment-record.ts'

/** Follows the offsets of one part: every step from one batch (or frame) to the next must be explained by its holes. */
export class OffsetSteps {
  readonly #holes: readonly OffsetInterval[]
  #usedHoles = 0
  /** First offset that is not explained yet. */
  nextOffset: bigint

  constructor(part: Pick<SegmentPart, 'beginOffset' | 'holes'>) {
    this.nextOffset = part.beginOffset
    this.#holes = part.holes
  }

  /** True when nothing but listed holes lies between what came before and `offset`. */
  reaches(offset: bigint): boolean {
    for (let hole = this.#holes[this.#usedHoles]; hole; hole = this.#holes[this.#usedHoles]) {
      if (hole[0] !== this.nextOffset || hole[1] > offset) break
      this.nextOffset = hole[1]
      this.#usedHoles++
    }
    return this.nextOffset === offset
  }

  /** Goes on at `offset` after something before it could not be read. */
  skipTo(offset: bigint): void {
    this.nextOffset = offset
    while ((this.#holes[this.#usedHoles]?.[0] ?? offset) < offset) this.#usedHoles++
  }

  /** True when every hole was met. */
  get isDone(): boolean {
    return this.#usedHoles === this.#holes.length
  }
}
