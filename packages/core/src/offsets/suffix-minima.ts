/** Older than any record: what a record without a time counts as, and what is not in the archive. */
export const OLDER_THAN_ANY = -1n

/**
 * Smallest timestamps from some offsets on, found from the end of a log to its begin. Whoever goes back over the log says what each record,
 * or each run of records that no wanted offset divides, has for its smallest timestamp.
 */
export class SuffixMinima {
  /** In milliseconds, by the wanted offset; null: nothing stands from it on. */
  readonly answers = new Map<bigint, bigint | null>()
  /** Ascending; those that are not answered yet. */
  readonly #left: bigint[]
  #least: bigint | null = null

  constructor(wanted: Iterable<bigint>) {
    this.#left = [...new Set(wanted)].sort((a, b) => (a < b ? -1 : 1))
  }

  get isDone(): boolean {
    return this.#left.length === 0
  }

  /** True when an offset that is not answered yet lies behind this one. */
  isWantedBehind(offset: bigint): boolean {
    const last = this.#left.at(-1)
    return last !== undefined && last > offset
  }

  /** Everything from this offset on was looked at. */
  passed(beginOffset: bigint): void {
    this.#settle(beginOffset, this.#least)
  }

  /** From this offset on, up to what was looked at already, the archive lacks something. */
  lacks(beginOffset: bigint): void {
    this.#settle(beginOffset, OLDER_THAN_ANY)
  }

  /** Records from this offset on, up to what was looked at already; no wanted offset is among them but the first. */
  take(firstOffset: bigint, minTimestampMs: bigint): void {
    this.#settle(firstOffset + 1n, this.#least)
    if (this.#least === null || minTimestampMs < this.#least) this.#least = minTimestampMs
  }

  #settle(beginOffset: bigint, answer: bigint | null): void {
    for (let last = this.#left.at(-1); last !== undefined && last >= beginOffset; last = this.#left.at(-1)) {
      this.answers.set(last, answer)
      this.#left.pop()
    }
  }
}
