import { LIMITS } from '../runtime/limits.ts'
import {
  type AbortedRange,
  type AbortedTransactions,
  byFirstOffset,
  type FilteredBatch,
} from './aborted-transactions.ts'
import { AscendingOffsets } from './ascending-offsets.ts'
import { parseControlType } from './control-record.ts'
import type { BatchCursor } from './record-batch.ts'

/** One entry of the list that a broker sends with a fetch response (version 4 and later). */
export interface AbortedTransaction {
  readonly producerId: bigint
  /** Offset of the first batch of the transaction. */
  readonly firstOffset: bigint
}

/**
 * Turns what a broker says while a partition is read (lists of aborted transactions, and markers among the batches)
 * into ranges that are true for ever. Feed it, in order, each response's list and then the response's batches.
 * It may begin anywhere in the log: the first response lists the transactions that were open there. Where offsets are
 * jumped over, begin with a new tracker, because a marker may lie in the gap.
 *
 * The list is taken as a set. Responses repeat entries, Redpanda does not sort them, one producer may have several,
 * and their markers may come much later. A marker of a producer ends whatever that producer had open, so a commit
 * marker or one that the log cleaner emptied ends a range too. An entry that begins before a marker which was seen
 * already is an old one, and is left out: to take it up again would drop the producer's next, committed, transaction.
 *
 * A list is all that a reader is to know of the batches that come with it. After an unclean election, which may take a marker
 * away, it can say another thing of a transaction than the one before; each holds for its own batches.
 */
export class AbortedTransactionTracker implements AbortedTransactions {
  /** Per producer, first offsets of transactions whose end was not seen. */
  readonly #open = new Map<bigint, AscendingOffsets>()
  /** Where reading began: of what lies below, nothing was taken. */
  readonly #beginOffset: bigint
  /** In order of their end. */
  #ended: (AbortedRange & { readonly endOffset: bigint })[] = []
  /** Offset of the last marker per producer, those seen last at the end. */
  readonly #lastMarker = new Map<bigint, bigint>()

  constructor(beginOffset: bigint) {
    this.#beginOffset = beginOffset
  }

  addAborted(transactions: Iterable<AbortedTransaction>, beginOffset: bigint): void {
    const listed = new Map<bigint, bigint[]>()
    for (const { producerId, firstOffset } of transactions) {
      const lastMarker = this.#lastMarker.get(producerId)
      if (lastMarker !== undefined && firstOffset <= lastMarker) continue
      const offsets = listed.get(producerId)
      if (offsets === undefined) listed.set(producerId, [firstOffset])
      else offsets.push(firstOffset)
    }
    if (beginOffset > this.#beginOffset) this.#keepApart(listed, beginOffset)
    for (const [producerId, offsets] of listed) {
      const open = this.#open.get(producerId) ?? new AscendingOffsets()
      open.add(offsets)
      this.#open.set(producerId, open)
    }
  }

  /**
   * Takes the current batch. Costs nothing unless it is a control batch.
   * @throws KB_BATCH_CORRUPT when a control record cannot be read.
   */
  addBatch(cursor: BatchCursor): void {
    if (!cursor.isControl || parseControlType(cursor) === 'other') return
    const { producerId, lastOffset: markerOffset } = cursor
    this.#remember(producerId, markerOffset)
    const open = this.#open.get(producerId)
    if (open === undefined) return
    const ending = open.takeUpTo(markerOffset)
    if (open.isEmpty) this.#open.delete(producerId)
    ending.forEach((firstOffset, index) => {
      const endOffset = ending[index + 1] ?? markerOffset
      // Older brokers list an empty transaction with the offset of its marker.
      if (firstOffset < endOffset) this.#ended.push({ producerId, firstOffset, endOffset })
    })
  }

  /**
   * True when a transactional data batch, which is the next to be added, belongs to a transaction that was listed as aborted
   * and has not ended. Costs the same however many transactions there were.
   */
  isAborted({ producerId, baseOffset }: Pick<FilteredBatch, 'producerId' | 'baseOffset'>): boolean {
    const first = this.#open.get(producerId)?.first
    return first !== undefined && first <= baseOffset
  }

  /**
   * The ranges that lie in what was read from `beginOffset` to `endOffset` (exclusive), by first offset. One of which
   * only the marker is there is among them, so that the ranges of all readings together hold its end.
   */
  ranges(beginOffset: bigint, endOffset: bigint): AbortedRange[] {
    const found: AbortedRange[] = this.#ended.filter(
      (range) => range.firstOffset < endOffset && range.endOffset >= beginOffset,
    )
    for (const [producerId, offsets] of this.#open) {
      const open = offsets.values()
      for (const [index, firstOffset] of open.entries()) {
        const end = open[index + 1] ?? null
        if (firstOffset >= endOffset || (end !== null && end < beginOffset)) continue
        found.push({ producerId, firstOffset, endOffset: end })
      }
    }
    return found.sort(byFirstOffset)
  }

  /** Forgets what ended before `offset`: nothing below it will be asked for again. */
  forgetBefore(offset: bigint): void {
    this.#ended = this.#ended.filter((range) => range.endOffset >= offset)
  }

  /** What earlier lists said holds below `beginOffset`, this one from there on. */
  #keepApart(listed: Map<bigint, bigint[]>, beginOffset: bigint): void {
    const isEarlier = (offset: bigint) => offset < beginOffset
    for (const [producerId, open] of [...this.#open]) {
      const known = open.takeUpTo(beginOffset - 1n)
      this.#open.delete(producerId)
      if (listed.get(producerId)?.some(isEarlier)) {
        open.keepOnly(known)
        this.#open.set(producerId, open)
        continue
      }
      known.forEach((firstOffset, index) => {
        this.#ended.push({ producerId, firstOffset, endOffset: known[index + 1] ?? beginOffset })
      })
    }
    for (const [producerId, offsets] of listed) {
      const isKnown = this.#open.has(producerId)
      const later = offsets.filter((offset) => !isEarlier(offset))
      const isNews = !isKnown && later.length < offsets.length
      listed.set(producerId, isNews ? [beginOffset, ...later] : later)
    }
  }

  #remember(producerId: bigint, markerOffset: bigint): void {
    const known = this.#lastMarker.get(producerId) ?? markerOffset
    this.#lastMarker.delete(producerId)
    this.#lastMarker.set(producerId, known > markerOffset ? known : markerOffset)
    if (this.#lastMarker.size <= LIMITS.trackedProducersMax) return
    for (const oldest of this.#lastMarker.keys()) {
      this.#lastMarker.delete(oldest)
      return
    }
  }
}
