import { type SeededRandom, seededRandom } from '@kafka-backup/testkit'
import { buildBatch } from '../../packages/core/src/protocol/record-batch-builder.ts'

/** One batch of a made-up log. Values of its records name them. */
export interface LoggedBatch {
  readonly bytes: Buffer
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  /** -1 without a transaction. */
  readonly transaction: number
  readonly values: readonly string[]
}

/** A transaction of a log; `markerAt` is the place of its marker in the log. */
export interface LoggedTransaction {
  readonly producerId: bigint
  readonly isAborted: boolean
  readonly firstOffset: bigint
  readonly markerAt: number
  readonly markerOffset: bigint
}

/** A log with interleaved transactions, all ended, and the last stable offset after each of its batches. */
export interface TransactionHistory {
  readonly batches: readonly LoggedBatch[]
  readonly transactions: readonly LoggedTransaction[]
  readonly lastStableOffsets: readonly bigint[]
}

const CODECS = ['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** Any number of producers at once; with `isCompacted` the cleaner has been there too. */
export function randomHistory(seed: number, isCompacted: boolean): TransactionHistory {
  const writer = new HistoryWriter(seededRandom(seed))
  writer.write()
  return writer.finish(isCompacted)
}

class HistoryWriter {
  readonly #random: SeededRandom
  readonly #batches: LoggedBatch[] = []
  readonly #transactions: LoggedTransaction[] = []
  readonly #stable: bigint[] = []
  readonly #open = new Map<bigint, { number: number; firstOffset: bigint | null }>()
  #begun = 0
  #next: bigint

  constructor(random: SeededRandom) {
    this.#random = random
    this.#next = BigInt(random.below(30))
  }

  write(): void {
    const random = this.#random
    const producers = 1 + random.below(6)
    for (let step = 10 + random.below(70); step > 0; step--) {
      const producerId = BigInt(100 + random.below(producers))
      const open = this.#open.get(producerId)
      if (random.chance(0.1)) this.#addData(-1n, -1)
      else if (!open) this.#open.set(producerId, { number: this.#begun++, firstOffset: null })
      else if (random.chance(0.3)) this.#end(producerId)
      else {
        open.firstOffset ??= this.#next
        this.#addData(producerId, open.number)
      }
    }
    for (const producerId of [...this.#open.keys()]) this.#end(producerId)
  }

  finish(isCompacted: boolean): TransactionHistory {
    const kept = isCompacted ? this.#batches.map((batch) => this.#cleaned(batch)) : this.#batches
    // Places in the log stay what they are, so that the broker's view at any time is known.
    return { batches: kept, transactions: this.#transactions, lastStableOffsets: this.#stable }
  }

  #addData(producerId: bigint, transaction: number): void {
    const count = 1 + this.#random.below(4)
    const offsets = Array.from({ length: count }, (_, index) => this.#next + BigInt(index))
    const values = offsets.map((offset) => `${producerId}/${transaction}/${offset}`)
    const bytes = dataBatch(producerId, offsets, { values, codec: this.#random.pick(CODECS) })
    this.#add({ bytes, transaction, values }, count)
  }

  #end(producerId: bigint): void {
    const { firstOffset } = this.#open.get(producerId)!
    this.#open.delete(producerId)
    const isAborted = this.#random.chance(0.45)
    const markerOffset = this.#next
    const bytes = markerBatch(producerId, markerOffset, isAborted)
    const place = { producerId, isAborted, markerAt: this.#batches.length, markerOffset }
    // A transaction without data has a marker, and brokers list it when it was aborted.
    this.#transactions.push({ ...place, firstOffset: firstOffset ?? markerOffset })
    this.#add({ bytes, transaction: -1, values: [] }, 1)
  }

  #add(batch: Pick<LoggedBatch, 'bytes' | 'transaction' | 'values'>, count: number): void {
    const baseOffset = this.#next
    this.#next += BigInt(count)
    this.#batches.push({ ...batch, baseOffset, lastOffset: this.#next - 1n })
    const starts = [...this.#open.values()].flatMap(({ firstOffset }) => firstOffset ?? [])
    this.#stable.push(starts.reduce((least, start) => (start < least ? start : least), this.#next))
  }

  /** Without some of its records, or all of them; markers stay. */
  #cleaned(batch: LoggedBatch): LoggedBatch {
    if (batch.values.length === 0 || this.#random.chance(0.5)) return batch
    const kept = batch.values.filter(() => this.#random.chance(0.5))
    if (kept.length === 0 && this.#random.chance(0.7)) return { ...batch, bytes: Buffer.alloc(0), values: [] }
    const producerId = BigInt(batch.values[0]!.split('/')[0]!)
    const offsets = kept.map((value) => BigInt(value.split('/')[2]!))
    const { baseOffset, lastOffset } = batch
    const bytes = dataBatch(producerId, offsets, { values: kept, codec: 'lz4', baseOffset, lastOffset })
    return { ...batch, bytes, values: kept }
  }
}

function dataBatch(
  producerId: bigint,
  offsets: readonly bigint[],
  batch: {
    readonly values: readonly string[]
    readonly codec: (typeof CODECS)[number]
    readonly baseOffset?: bigint
    readonly lastOffset?: bigint
  },
): Buffer {
  const baseOffset = batch.baseOffset ?? offsets[0]!
  const lastOffset = batch.lastOffset ?? offsets.at(-1)!
  return buildBatch({
    baseOffset,
    codec: batch.codec,
    records: batch.values.map((value, index) => ({
      timestamp: 1_700_000_000_000n,
      key: null,
      value: Buffer.from(value),
      headers: [],
      offsetDelta: Number(offsets[index]! - baseOffset),
    })),
    lastOffsetDelta: Number(lastOffset - baseOffset),
    ...(producerId < 0n ? {} : { producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true }),
  })
}

function markerBatch(producerId: bigint, baseOffset: bigint, isAborted: boolean): Buffer {
  const key = Buffer.from([0, 0, 0, isAborted ? 0 : 1])
  const record = { timestamp: 1_700_000_000_000n, key, value: Buffer.alloc(6), headers: [] }
  const header = { producerId, producerEpoch: 0, isTransactional: true, isControl: true }
  return buildBatch({ ...header, baseOffset, records: [record] })
}

/** What a reader of committed data sees, as plainly as can be: for every batch the fate of its transaction is looked up. */
export function committedValues({ batches, transactions }: TransactionHistory): string[] {
  return batches.flatMap((batch) => {
    if (batch.transaction < 0) return batch.values
    const producer = BigInt(batch.values[0]?.split('/')[0] ?? -1)
    const own = transactions.filter(({ producerId }) => producerId === producer)
    const end = own.find(({ markerOffset }) => markerOffset > batch.lastOffset)
    return end?.isAborted ? [] : batch.values
  })
}
