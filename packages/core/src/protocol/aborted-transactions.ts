import type { BatchCursor } from './record-batch.ts'

/**
 * Offsets of one aborted transaction of one producer: from its first batch to its abort marker.
 * `endOffset` is the offset of the marker (exclusive), null when that lies beyond what was read; such a range says
 * nothing about batches that were read another time.
 */
export interface AbortedRange {
  readonly producerId: bigint
  /** Inclusive. */
  readonly firstOffset: bigint
  readonly endOffset: bigint | null
}

/** What the filter wants to know of a batch; a BatchCursor has it. */
export interface FilteredBatch {
  readonly producerId: bigint
  readonly baseOffset: bigint
  /** Inclusive. */
  readonly lastOffset: bigint
  readonly isTransactional: boolean
  readonly isControl: boolean
}

/** What is known of aborted transactions while batches are taken one after the other, in order of offset. */
export interface AbortedTransactions {
  /** Takes the list that comes with an answer, before its batches, the first of which to be taken is at `beginOffset` or above. */
  addAborted(
    transactions: Iterable<Pick<AbortedRange, 'producerId' | 'firstOffset'>>,
    beginOffset: bigint,
  ): void
  /** Takes the current batch. */
  addBatch(cursor: BatchCursor): void
  /** True of a transactional data batch, the next one to be taken, whose transaction was aborted. */
  isAborted(batch: FilteredBatch): boolean
  /** What overlaps the offsets from `beginOffset` to `endOffset` (exclusive), by first offset. */
  ranges(beginOffset: bigint, endOffset: bigint): AbortedRange[]
  /** Nothing below `offset` will be asked for again. */
  forgetBefore(offset: bigint): void
}

/** By first offset, then by producer. */
export function byFirstOffset(left: AbortedRange, right: AbortedRange): number {
  return compare(left.firstOffset, right.firstOffset) || compare(left.producerId, right.producerId)
}

/**
 * The read-committed filter. It holds the ranges and no position, so batches may be asked about in any order: a batch
 * is dropped when it is a control batch, or transactional and inside a range of its producer.
 *
 * A producer has one transaction at a time, which settles what ranges read at different times say: of two with one
 * first offset the one that ends first counts, and a range ends at the latest where the next one of its producer begins.
 */
export class AbortedTransactionFilter {
  /** Per producer, ascending and without overlap. */
  readonly #rangesByProducer: ReadonlyMap<bigint, readonly AbortedRange[]>

  constructor(ranges: Iterable<AbortedRange>) {
    const grouped = Map.groupBy(ranges, (range) => range.producerId)
    this.#rangesByProducer = new Map([...grouped].map(([id, own]) => [id, disentangled(own)]))
  }

  /** True when the batch must not be seen by a reader of committed records. */
  drops(batch: FilteredBatch): boolean {
    if (batch.isControl) return true
    if (!batch.isTransactional || this.#rangesByProducer.size === 0) return false
    const ranges = this.#rangesByProducer.get(batch.producerId)
    return ranges !== undefined && isCovered(ranges, batch.baseOffset, batch.lastOffset)
  }
}

function isCovered(ranges: readonly AbortedRange[], baseOffset: bigint, lastOffset: bigint): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ranges[middle]!.firstOffset <= baseOffset) low = middle + 1
    else high = middle
  }
  const range = ranges[low - 1]
  return range !== undefined && (range.endOffset === null || lastOffset < range.endOffset)
}

/** The same for a reader, ascending and without overlap. The ranges are of one producer. */
export function disentangled(ranges: readonly AbortedRange[]): AbortedRange[] {
  const sorted = ranges.toSorted(
    (left, right) =>
      compare(left.firstOffset, right.firstOffset) ||
      compare(left.endOffset ?? OFFSET_MAX, right.endOffset ?? OFFSET_MAX),
  )
  const distinct = sorted.filter((range, index) => range.firstOffset !== sorted[index - 1]?.firstOffset)
  return distinct.map((range, index) => {
    const next = distinct[index + 1]
    if (next === undefined || (range.endOffset !== null && range.endOffset <= next.firstOffset)) return range
    return { ...range, endOffset: next.firstOffset }
  })
}

const OFFSET_MAX = 0x7fffffffffffffffn

function compare(left: bigint, right: bigint): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
