import type { AbortedTransaction } from '../../src/protocol/aborted-transaction-tracker.ts'
import { parseControlType } from '../../src/protocol/control-record.ts'
import { BatchCursor } from '../../src/protocol/record-batch.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import type { Prng } from './prng.ts'
import { marker, record } from './samples.ts'

/** One batch of a made-up log, with the truth about it. */
export interface LogEntry {
  readonly bytes: Buffer
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly isControl: boolean
  readonly isAborted: boolean
}

/** A log, and the broker's index of its aborted transactions. */
export interface TransactionLog {
  readonly entries: readonly LogEntry[]
  readonly aborted: readonly (AbortedTransaction & { readonly markerOffset: bigint })[]
}

interface OpenTransaction {
  firstOffset: bigint | null
  readonly entryIndexes: number[]
}

/** What the cleaner may have done, and what sloppy brokers do. */
export interface LogQuirks {
  /** Aborted data and the record of its marker are gone; the index still lists the transaction. */
  readonly emptiesMarkers: boolean
  /** Aborts without data are listed with the offset of the marker. */
  readonly listsEmptyTransactions: boolean
}

/** Random interleaving of transactions of a few producers, all of them ended. */
export function randomLog(random: Prng, quirks: LogQuirks): TransactionLog {
  const entries: (LogEntry | null)[] = []
  const aborted: (AbortedTransaction & { markerOffset: bigint })[] = []
  const open = new Map<bigint, OpenTransaction>()
  const producers = Array.from({ length: 1 + random.below(4) }, (_, index) => BigInt(100 + index))
  let offset = BigInt(random.below(50))
  const add = (bytes: Buffer, recordCount: number, isControl: boolean): number => {
    const lastOffset = offset + BigInt(recordCount - 1)
    entries.push({ bytes, baseOffset: offset, lastOffset, isControl, isAborted: false })
    offset = lastOffset + 1n
    return entries.length - 1
  }
  const data = (producerId: bigint, isTransactional: boolean): number => {
    const count = 1 + random.below(3)
    const records = Array.from({ length: count }, () => record())
    return add(
      buildBatch({ baseOffset: offset, records, producerId, producerEpoch: 0, isTransactional }),
      count,
      false,
    )
  }
  const end = (producerId: bigint, transaction: OpenTransaction, isAbort: boolean): void => {
    open.delete(producerId)
    const markerOffset = offset
    const isEmptied = quirks.emptiesMarkers && isAbort && random.chance(0.4)
    add(marker(isAbort ? 'abort' : 'commit', offset, producerId, isEmptied), 1, true)
    if (!isAbort) return
    for (const index of transaction.entryIndexes) {
      const entry = entries[index]!
      entries[index] = isEmptied ? null : { ...entry, isAborted: true }
    }
    const firstOffset = transaction.firstOffset ?? (quirks.listsEmptyTransactions ? markerOffset : null)
    if (firstOffset !== null) aborted.push({ producerId, firstOffset, markerOffset })
  }
  for (let step = 5 + random.below(60); step > 0; step--) {
    const producerId = random.pick(producers)
    const transaction = open.get(producerId)
    if (random.chance(0.1)) data(999n, false)
    else if (transaction === undefined) {
      if (random.chance(0.1)) data(producerId, false)
      else open.set(producerId, { firstOffset: null, entryIndexes: [] })
    } else if (random.chance(0.35)) end(producerId, transaction, random.chance(0.5))
    else {
      transaction.firstOffset ??= offset
      transaction.entryIndexes.push(data(producerId, true))
    }
    if (random.chance(0.05)) offset += BigInt(random.below(20))
  }
  for (const [producerId, transaction] of open) end(producerId, transaction, random.chance(0.5))
  return { entries: entries.filter((entry) => entry !== null), aborted }
}

/** What a broker answers to a fetch at `entries[begin]` that returns the batches before `entries[end]`. */
export function abortedListOf(
  log: TransactionLog,
  begin: number,
  end: number,
  random: Prng,
): AbortedTransaction[] {
  const fetchOffset = log.entries[begin]!.baseOffset
  // The broker's bound comes from a sparse index, so it may lie behind the data that it returns.
  const bound = log.entries[Math.min(log.entries.length - 1, end - 1 + random.below(4))]!.lastOffset
  const listed = log.aborted.filter(
    ({ firstOffset, markerOffset }) => markerOffset >= fetchOffset && firstOffset <= bound,
  )
  return random.shuffled(listed.map(({ producerId, firstOffset }) => ({ producerId, firstOffset })))
}

/**
 * The algorithm of Kafka's own consumer for one response, written as plainly as can be: which batches it drops.
 * (Sort by first offset; activate up to the last offset of the batch; deactivate at an abort marker.)
 */
export function droppedByReference(
  entries: readonly LogEntry[],
  list: readonly AbortedTransaction[],
): boolean[] {
  const waiting = [...list].sort((left, right) => Number(left.firstOffset - right.firstOffset))
  const active = new Set<bigint>()
  const cursor = new BatchCursor()
  return entries.map((entry) => {
    cursor.reset(entry.bytes).next()
    while (waiting.length > 0 && waiting[0]!.firstOffset <= entry.lastOffset)
      active.add(waiting.shift()!.producerId)
    if (cursor.isControl) {
      if (parseControlType(cursor) === 'abort') active.delete(cursor.producerId)
      return true
    }
    return cursor.isTransactional && active.has(cursor.producerId)
  })
}
