import {
  type AbortedRange,
  AbortedTransactionFilter,
  type AbortedTransactions,
  byFirstOffset,
  disentangled,
  type FilteredBatch,
} from '../protocol/aborted-transactions.ts'

/**
 * What the indexes of parts that follow each other say of aborted transactions, as one list of which each batch is what it was
 * by the index of its own part. Parts that were read at different times may say different things of one transaction: an
 * unclean election can take a marker away, and then the transaction goes on, or ends in another way.
 */
export class ArchivedTransactions implements AbortedTransactions {
  /** Of the part that is being read. */
  #filter = new AbortedTransactionFilter([])
  /** What the part says, and what it goes on with. */
  #ranges: AbortedRange[] = []
  /** Those that ended before the part; no later one touches them. */
  #ended: AbortedRange[] = []
  #isBegun = false

  /** Takes the list of the next part. `isReachingBack`: its first batch begins below it, so nothing before it may be written with it. */
  beginPart(
    own: readonly AbortedRange[],
    { beginOffset, isReachingBack }: { readonly beginOffset: bigint; readonly isReachingBack: boolean },
  ): void {
    this.#filter = new AbortedTransactionFilter(own)
    const byProducer = Map.groupBy(own, ({ producerId }) => producerId)
    const ranges = [...byProducer.values()].flatMap(disentangled)
    if (isReachingBack) this.#ended = []
    if (isReachingBack || !this.#isBegun) this.#ranges = ranges
    else this.#goOn(ranges, beginOffset)
    this.#isBegun = true
  }

  /** Nothing: what there is to know came with the part. */
  addAborted(): void {}

  /** Nothing: the part says where its transactions end. */
  addBatch(): void {}

  isAborted(batch: FilteredBatch): boolean {
    return this.#filter.drops(batch)
  }

  ranges(beginOffset: bigint, endOffset: bigint): AbortedRange[] {
    const isThere = (range: AbortedRange) =>
      range.firstOffset < endOffset && (range.endOffset === null || range.endOffset >= beginOffset)
    return [...this.#ended, ...this.#ranges].filter(isThere).sort(byFirstOffset)
  }

  forgetBefore(offset: bigint): void {
    this.#ended = this.#ended.filter(({ endOffset }) => endOffset === null || endOffset >= offset)
  }

  /** What was said before holds below `beginOffset`, what the next part says from there on. */
  #goOn(own: readonly AbortedRange[], beginOffset: bigint): void {
    const isOpen = ({ endOffset }: AbortedRange) => endOffset === null || endOffset > beginOffset
    const before = this.#ranges.filter(({ firstOffset }) => firstOffset < beginOffset)
    // A producer has one transaction at a time.
    const open = new Map(before.filter(isOpen).map((range) => [range.producerId, range]))
    const next: AbortedRange[] = []
    for (const range of own) {
      const { producerId, firstOffset, endOffset } = range
      const known = open.get(producerId)
      if (firstOffset >= beginOffset) next.push(range)
      else if (!isOpen(range)) continue
      else if (known && open.delete(producerId)) next.push({ ...known, endOffset })
      else next.push({ ...range, firstOffset: beginOffset })
    }
    for (const range of before) if (!isOpen(range)) this.#ended.push(range)
    for (const range of open.values()) this.#ended.push({ ...range, endOffset: beginOffset })
    this.#ranges = next
  }
}
