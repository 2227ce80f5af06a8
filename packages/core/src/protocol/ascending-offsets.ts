/**
 * Offsets without doublets, of which the smallest are taken away first. One producer may have some hundred thousand
 * aborted transactions in one answer of a broker, so nothing here walks the list for a single one of them.
 */
export class AscendingOffsets {
  /** Those before `#head` were taken. */
  #offsets: bigint[] = []
  #head = 0

  get isEmpty(): boolean {
    return this.#head === this.#offsets.length
  }

  /** The smallest; undefined when there is none. */
  get first(): bigint | undefined {
    return this.#offsets[this.#head]
  }

  /** All, ascending. */
  values(): bigint[] {
    return this.#offsets.slice(this.#head)
  }

  /** Takes in offsets in any order; those that are there already change nothing. */
  add(offsets: readonly bigint[]): void {
    const last = this.#offsets.at(-1)
    const isBehind = !this.isEmpty && last !== undefined && offsets.every((offset) => offset > last)
    const known = isBehind || this.isEmpty ? [] : this.values()
    // A typed array sorts without calling back for each comparison.
    const sorted = BigInt64Array.from([...known, ...offsets]).sort()
    const distinct = [...sorted].filter((offset, at) => offset !== sorted[at - 1])
    if (isBehind) {
      for (const offset of distinct) this.#offsets.push(offset)
      return
    }
    this.#offsets = distinct
    this.#head = 0
  }

  /** Forgets all others; these are ascending. */
  keepOnly(offsets: readonly bigint[]): void {
    this.#offsets = [...offsets]
    this.#head = 0
  }

  /** Takes away those up to `limit`, inclusive, and returns them ascending. */
  takeUpTo(limit: bigint): bigint[] {
    const begin = this.#head
    while (this.#head < this.#offsets.length && this.#offsets[this.#head]! <= limit) this.#head++
    const taken = this.#offsets.slice(begin, this.#head)
    if (this.#head * 2 > this.#offsets.length) {
      this.#offsets = this.values()
      this.#head = 0
    }
    return taken
  }
}
