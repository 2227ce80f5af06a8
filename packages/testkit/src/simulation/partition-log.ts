import { buildBatch, type RecordInput } from '@kafka-backup/core/internal'

/** A transaction of one producer in one partition. */
export interface LogTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
  /** Of its marker; -1 while it is open. */
  markerOffset: bigint
}

/** One batch, as it was appended or as the cleaner left it. Offsets inclusive, times of the world in milliseconds. */
export interface LogBatch {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly leaderEpoch: number
  readonly bytes: Buffer
  readonly records: readonly LogRecord[]
  readonly isControl: boolean
  readonly transaction: LogTransaction | null
  /** How its transaction has ended since it was there; twice when an election took the first marker away. */
  readonly ends: Set<'commit' | 'abort'>
  readonly appendedMs: number
  /** When an election took it away; null: it did not. */
  truncatedMs: number | null
}

/** A record, with its place in the batch. */
export interface LogRecord extends RecordInput {
  readonly offsetDelta: number
}

const ABORT_KEY = Buffer.from([0, 0, 0, 0])
const COMMIT_KEY = Buffer.from([0, 0, 0, 1])
const MARKER_VALUE = Buffer.alloc(6)

/**
 * The log of one partition as its leader has it, and everything that was ever in it: what an archive is judged by. All that
 * is appended is acknowledged by every replica at once, so that the end is the high watermark too.
 */
export class PartitionLog {
  /** What a reader finds now, ascending. */
  batches: LogBatch[] = []
  /** Every batch that there ever was, in each of its forms, by base offset. */
  readonly ever = new Map<bigint, LogBatch[]>()
  /** Each log start that there ever was. */
  readonly starts = new Set<bigint>([0n])
  readonly open = new Map<bigint, LogTransaction>()
  readonly aborted: LogTransaction[] = []
  /** The last stable offset after each change, with its time in the world. */
  readonly #stableEnds: { readonly atMs: number; readonly offset: bigint }[] = []
  #epochs: (readonly [epoch: number, start: bigint])[] = [[0, 0n]]
  #start = 0n
  #end = 0n
  #epoch = 0
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get startOffset(): bigint {
    return this.#start
  }

  /** Exclusive. */
  get endOffset(): bigint {
    return this.#end
  }

  get leaderEpoch(): number {
    return this.#epoch
  }

  get lastStableOffset(): bigint {
    return [...this.open.values()].reduce(
      (least, { firstOffset }) => (firstOffset < least ? firstOffset : least),
      this.#end,
    )
  }

  /** The last stable offset as it was at a time of the world, in milliseconds. */
  stableEndAt(atMs: number): bigint {
    return this.#stableEnds.findLast((end) => end.atMs <= atMs)?.offset ?? 0n
  }

  append(records: readonly RecordInput[], codec: 'none' | 'gzip' = 'none'): void {
    this.#add(records, { codec, transaction: null, isControl: false })
  }

  appendInTransaction(producerId: bigint, records: readonly RecordInput[]): void {
    const known = this.open.get(producerId)
    const transaction = known ?? { producerId, firstOffset: this.#end, markerOffset: -1n }
    this.open.set(producerId, transaction)
    this.#add(records, { codec: 'none', transaction, isControl: false })
  }

  endTransaction(producerId: bigint, end: 'commit' | 'abort'): void {
    const transaction = this.open.get(producerId)
    if (!transaction) return
    this.open.delete(producerId)
    for (const batch of this.batches) if (batch.transaction === transaction) batch.ends.add(end)
    transaction.markerOffset = this.#end
    if (end === 'abort') this.aborted.push(transaction)
    const key = end === 'abort' ? ABORT_KEY : COMMIT_KEY
    const marker = { timestamp: BigInt(Math.floor(this.#nowMs())), key, value: MARKER_VALUE, headers: [] }
    this.#add([marker], { codec: 'none', transaction, isControl: true })
  }

  /** A new leader, which has everything. */
  elect(): void {
    this.#epoch++
    this.#epochs = [...this.#epochs.filter(([, start]) => start < this.#end), [this.#epoch, this.#end]]
  }

  /** A new leader that lacks everything from `offset` on. */
  electUnclean(offset: bigint): void {
    const lost = this.batches.filter(({ lastOffset }) => lastOffset >= offset)
    const [first] = lost
    if (first) this.#truncate(first.baseOffset > this.#start ? first.baseOffset : this.#start, lost)
    this.elect()
  }

  /** Deletes what lies below; a batch that reaches beyond stays. */
  deleteBefore(offset: bigint): void {
    if (offset <= this.#start || offset > this.lastStableOffset) return
    this.#start = offset
    this.starts.add(offset)
    this.batches = this.batches.filter(({ lastOffset }) => lastOffset >= offset)
    const [kept] = this.#epochs.filter(([, start]) => start <= offset).slice(-1)
    const later = this.#epochs.filter(([, start]) => start > offset)
    this.#epochs = kept ? [[kept[0], offset], ...later] : later
  }

  /** As the cleaner does: `keeps` says of each record of a batch whether it stays; a batch of none goes. The last batch stays. */
  compact(keeps: (batch: LogBatch) => readonly boolean[]): void {
    const last = this.batches.at(-1)
    this.batches = this.batches.flatMap((batch) => {
      if (batch === last || batch.isControl || batch.transaction || batch.lastOffset >= this.lastStableOffset)
        return [batch]
      const kept = keeps(batch)
      const records = batch.records.filter((_, at) => kept[at])
      if (records.length === batch.records.length) return [batch]
      return records.length === 0 ? [] : [this.#rewritten(batch, records)]
    })
  }

  /** Where the history of an epoch ends, as brokers answer (KIP-101): of the largest one that is not above it. */
  endOfEpoch(epoch: number): { readonly leaderEpoch: number; readonly endOffset: bigint } {
    if (epoch === this.#epochs.at(-1)?.[0]) return { leaderEpoch: epoch, endOffset: this.#end }
    const above = this.#epochs.findIndex(([known]) => known > epoch)
    if (above < 0) return { leaderEpoch: -1, endOffset: -1n }
    const endOffset = this.#epochs[above]![1]
    return { leaderEpoch: this.#epochs[above - 1]?.[0] ?? epoch, endOffset }
  }

  #truncate(end: bigint, lost: readonly LogBatch[]): void {
    for (const { baseOffset } of lost) {
      for (const form of this.ever.get(baseOffset) ?? []) form.truncatedMs ??= this.#nowMs()
    }
    this.batches = this.batches.filter((batch) => !lost.includes(batch))
    this.#end = end
    this.#epochs = this.#epochs.filter(([, start]) => start < end)
    for (const [producerId, { firstOffset }] of this.open)
      if (firstOffset >= end) this.open.delete(producerId)
    for (const { isControl, transaction } of lost) {
      if (isControl && transaction && transaction.firstOffset < end) this.#reopen(transaction)
    }
    for (const at of [...this.aborted.keys()].reverse()) {
      const { markerOffset } = this.aborted[at]!
      if (markerOffset < 0n || markerOffset >= end) this.aborted.splice(at, 1)
    }
    this.#noteStableEnd()
  }

  #noteStableEnd(): void {
    this.#stableEnds.push({ atMs: this.#nowMs(), offset: this.lastStableOffset })
  }

  /** Without its marker a transaction is open again. */
  #reopen(transaction: LogTransaction): void {
    transaction.markerOffset = -1n
    this.open.set(transaction.producerId, transaction)
  }

  #add(
    records: readonly RecordInput[],
    how: {
      readonly codec: 'none' | 'gzip'
      readonly transaction: LogTransaction | null
      readonly isControl: boolean
    },
  ): void {
    const { transaction, isControl, codec } = how
    const numbered = records.map((record, offsetDelta) => ({ ...record, offsetDelta }))
    const bytes = buildBatch({
      records: numbered,
      baseOffset: this.#end,
      partitionLeaderEpoch: this.#epoch,
      codec,
      isControl,
      isTransactional: transaction !== null,
      ...(transaction ? { producerId: transaction.producerId, producerEpoch: 0 } : {}),
    })
    if (this.#epochs.at(-1)?.[0] !== this.#epoch) this.#epochs.push([this.#epoch, this.#end])
    const lastOffset = this.#end + BigInt(records.length - 1)
    const place = { baseOffset: this.#end, lastOffset, leaderEpoch: this.#epoch, truncatedMs: null }
    const ends = new Set<'commit' | 'abort'>()
    const content = { bytes, records: numbered, isControl, transaction, ends }
    const batch = { ...place, ...content, appendedMs: this.#nowMs() }
    this.batches.push(batch)
    this.#remember(batch)
    this.#end = lastOffset + 1n
    this.#noteStableEnd()
  }

  #rewritten(batch: LogBatch, records: readonly LogRecord[]): LogBatch {
    const bytes = buildBatch({
      records,
      baseOffset: batch.baseOffset,
      partitionLeaderEpoch: batch.leaderEpoch,
      lastOffsetDelta: Number(batch.lastOffset - batch.baseOffset),
    })
    const rewritten = { ...batch, bytes, records }
    this.#remember(rewritten)
    return rewritten
  }

  #remember(batch: LogBatch): void {
    const forms = this.ever.get(batch.baseOffset)
    if (forms) forms.push(batch)
    else this.ever.set(batch.baseOffset, [batch])
  }
}
