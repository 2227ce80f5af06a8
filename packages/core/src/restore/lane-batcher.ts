import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Codec } from '../protocol/codec.ts'
import type { KafkaRecord } from '../protocol/record.ts'
import { type BatchLimit, fitsAsItIs } from './batch-limit.ts'
import { decodeStored, type StoredBatch } from './frame-pieces.ts'
import type { LaneBatch, SourceRun } from './lane-batch.ts'
import { copyRecords, recordBytes } from './record-copy.ts'
import { reencodeBatch } from './reencode-batch.ts'

/** A record and the place of its partition in `RestorePlan.partitions`. */
export interface PlacedRecord {
  readonly source: number
  readonly record: KafkaRecord
}

/** What a lane's batches may be. */
export interface LaneBatcherOptions {
  /** What does not fit is split. */
  readonly limit: BatchLimit
  /** Records of a batch follow each other without a hole in the source. */
  readonly isKeepingOffsets: boolean
  /** `orders/3`, for messages. */
  readonly nameOf: (source: number) => string
}

/** Groups of records up to this size are put together; brokers take a mebibyte by default. */
const MERGED_MAX_RECORDS = 1_000
const MERGED_MAX_BYTES = 256 * 1024

/**
 * Makes batches of what one lane gets: a stored batch stays as it is where it fits, small groups of records become one batch, what
 * is too large is split. The result follows from the input alone, never from time or memory.
 */
export class LaneBatcher {
  readonly #options: LaneBatcherOptions
  #pending: PlacedRecord[] = []
  #codec: Codec = 'none'
  #bytes = 0

  constructor(options: LaneBatcherOptions) {
    this.#options = options
  }

  /** Of the records that wait for more, in bytes. */
  get pendingBytes(): number {
    return this.#bytes
  }

  /** A stored batch is decoded only when it has to be split. */
  *addStored(batch: StoredBatch, source: number): Generator<LaneBatch> {
    yield* this.flush()
    const { bytes, firstOffset, records } = batch
    if (fitsAsItIs(bytes, this.#options.limit)) {
      yield { bytes, records, runs: [{ source, firstOffset, records }], isReencoded: false }
      return
    }
    const { codec, records: decoded } = decodeStored(batch)
    yield* this.#encode(
      decoded.map((record) => ({ source, record })),
      codec,
    )
  }

  /** Records of one source and one codec, in order. What waits is copied: the buffer that they lie in is let go. */
  *addGroup(source: number, records: readonly KafkaRecord[], codec: Codec): Generator<LaneBatch> {
    const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0)
    if (!this.#hasRoom(records, bytes, codec)) yield* this.flush()
    if (bytes > MERGED_MAX_BYTES || records.length > MERGED_MAX_RECORDS) {
      yield* this.#encode(
        records.map((record) => ({ source, record })),
        codec,
      )
      return
    }
    this.#codec = codec
    this.#bytes += bytes
    for (const record of copyRecords(records)) this.#pending.push({ source, record })
  }

  /** What waits, as batches. */
  *flush(): Generator<LaneBatch> {
    const pending = this.#pending
    this.#pending = []
    this.#bytes = 0
    if (pending.length > 0) yield* this.#encode(pending, this.#codec)
  }

  #hasRoom(records: readonly KafkaRecord[], bytes: number, codec: Codec): boolean {
    if (this.#pending.length === 0) return true
    return (
      codec === this.#codec &&
      this.#bytes + bytes <= MERGED_MAX_BYTES &&
      this.#pending.length + records.length <= MERGED_MAX_RECORDS
    )
  }

  *#encode(records: readonly PlacedRecord[], codec: Codec): Generator<LaneBatch> {
    if (!this.#options.isKeepingOffsets) {
      yield* this.#encodeFitting(records, codec)
      return
    }
    for (let begin = 0, end = 1; end <= records.length; end++) {
      const before = records[end - 1]?.record.offset ?? 0n
      if (records[end]?.record.offset === before + 1n) continue
      yield* this.#encodeFitting(records.slice(begin, end), codec)
      begin = end
    }
  }

  /** Splits what is too large until it fits. In the codec of the topic, so that brokers do not make another size of it. */
  *#encodeFitting(records: readonly PlacedRecord[], codec: Codec): Generator<LaneBatch> {
    const { maxBytes, codec: topicCodec } = this.#options.limit
    const bytes = reencodeBatch(
      topicCodec ?? codec,
      records.map(({ record }) => record),
    )
    if (bytes.length <= maxBytes) {
      yield { bytes, records: records.length, runs: runsOf(records), isReencoded: true }
      return
    }
    if (records.length === 1) throw this.#tooLarge(records[0] as PlacedRecord, bytes.length)
    const pieces = Math.min(records.length, Math.max(2, Math.ceil(bytes.length / maxBytes)))
    const size = Math.ceil(records.length / pieces)
    for (let begin = 0; begin < records.length; begin += size) {
      yield* this.#encodeFitting(records.slice(begin, begin + size), codec)
    }
  }

  #tooLarge({ source, record }: PlacedRecord, bytes: number): KafkaBackupError {
    const { limit, nameOf } = this.#options
    return new KafkaBackupError(
      'KB_RECORD_TOO_LARGE',
      `the record at offset ${record.offset} of ${nameOf(source)} needs a batch of ${bytes} bytes; the target topic takes ${limit.maxBytes}`,
      { context: { offset: record.offset.toString() } },
    )
  }
}

function runsOf(records: readonly PlacedRecord[]): readonly SourceRun[] {
  const runs: { source: number; firstOffset: bigint; records: number }[] = []
  let nextOffset = -1n
  for (const { source, record } of records) {
    const run = runs.at(-1)
    if (run?.source === source && record.offset === nextOffset) run.records++
    else runs.push({ source, firstOffset: record.offset, records: 1 })
    nextOffset = record.offset + 1n
  }
  return runs
}
