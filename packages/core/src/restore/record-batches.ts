import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Codec } from '../protocol/codec.ts'
import type { KafkaRecord } from '../protocol/record.ts'
import { buildBatch, type RecordInput } from '../protocol/record-batch-builder.ts'
import type { LaneBatch, SourceRun } from './lane-batch.ts'

/** A record that is written, and where it was. */
export interface PlacedRecord {
  readonly source: number
  readonly offset: bigint
  readonly record: RecordInput
}

/** Batches that are made of records are no larger than this; the next record would begin another one. */
export interface BatchBounds {
  readonly maxRecords: number
  readonly maxRecordBytes: number
}

/** Brokers take a mebibyte by default. */
export const MADE_BATCH: BatchBounds = { maxRecords: 1_000, maxRecordBytes: 256 * 1024 }

/** Gathers records of one codec into batches. Byte strings stay views of the buffer that they came in. */
export class RecordBatches {
  readonly #bounds: BatchBounds
  readonly #batchMaxBytes: number
  #records: PlacedRecord[] = []
  #codec: Codec = 'none'
  #bytes = 0

  /** `batchMaxBytes`: what the target takes; a batch that comes out larger is split. */
  constructor(bounds: BatchBounds, batchMaxBytes: number) {
    this.#bounds = { ...bounds, maxRecordBytes: Math.min(bounds.maxRecordBytes, batchMaxBytes) }
    this.#batchMaxBytes = batchMaxBytes
  }

  /** Adds a record; what has no room beside it comes out. */
  add(placed: PlacedRecord, codec: Codec): LaneBatch[] {
    const bytes = sizeOf(placed.record)
    const isFull =
      this.#records.length >= this.#bounds.maxRecords || this.#bytes + bytes > this.#bounds.maxRecordBytes
    const batches = this.#records.length > 0 && (isFull || codec !== this.#codec) ? this.flush() : []
    this.#codec = codec
    this.#records.push(placed)
    this.#bytes += bytes
    return batches
  }

  /** Adds the records of a whole batch: a large one stays together, small ones share a batch. */
  addAll(placed: readonly PlacedRecord[], codec: Codec): LaneBatch[] {
    if (placed.length === 0) return []
    const bytes = placed.reduce((sum, { record }) => sum + sizeOf(record), 0)
    const { maxRecords, maxRecordBytes } = this.#bounds
    const hasRoom =
      codec === this.#codec &&
      this.#records.length + placed.length <= maxRecords &&
      this.#bytes + bytes <= maxRecordBytes
    const batches = this.#records.length > 0 && !hasRoom ? this.flush() : []
    this.#codec = codec
    this.#records.push(...placed)
    this.#bytes += bytes
    return this.#bytes > maxRecordBytes || this.#records.length >= maxRecords
      ? [...batches, ...this.flush()]
      : batches
  }

  /** What was gathered, in order; it is forgotten here. */
  flush(): LaneBatch[] {
    const records = this.#records
    this.#records = []
    this.#bytes = 0
    return records.length === 0 ? [] : makeBatches(records, this.#codec, this.#batchMaxBytes)
  }
}

/**
 * Batches of these records, in order, none above `batchMaxBytes`.
 * @throws KB_RECORD_TOO_LARGE when a record alone is
 */
export function makeBatches(
  placed: readonly PlacedRecord[],
  codec: Codec,
  batchMaxBytes: number,
): LaneBatch[] {
  const bytes = buildBatch({ baseOffset: 0n, records: placed.map(({ record }) => record), codec })
  if (bytes.length <= batchMaxBytes) {
    return [{ bytes, records: placed.length, runs: runsOf(placed), isReencoded: true }]
  }
  if (placed.length === 1) throw tooLarge(placed[0]?.offset ?? 0n, bytes.length, batchMaxBytes)
  const middle = placed.length >> 1
  return [
    ...makeBatches(placed.slice(0, middle), codec, batchMaxBytes),
    ...makeBatches(placed.slice(middle), codec, batchMaxBytes),
  ]
}

/** A record as it was read, for one that is written. */
export function placeRecord(source: number, record: KafkaRecord): PlacedRecord {
  return { source, offset: record.offset, record }
}

function runsOf(placed: readonly PlacedRecord[]): SourceRun[] {
  const runs: SourceRun[] = []
  for (const { source, offset } of placed) {
    const last = runs.at(-1)
    if (last && last.source === source && last.firstOffset + BigInt(last.records) === offset) {
      runs[runs.length - 1] = { ...last, records: last.records + 1 }
    } else runs.push({ source, firstOffset: offset, records: 1 })
  }
  return runs
}

/** About as long as it is encoded. */
function sizeOf({ key, value, headers }: RecordInput): number {
  const headerBytes = headers.reduce(
    (sum, header) => sum + header.nameBytes.length + (header.value?.length ?? 0) + 10,
    0,
  )
  return 20 + (key?.length ?? 0) + (value?.length ?? 0) + headerBytes
}

function tooLarge(offset: bigint, bytes: number, most: number): KafkaBackupError {
  return new KafkaBackupError(
    'KB_RECORD_TOO_LARGE',
    `the record at source offset ${offset} makes a batch of ${bytes} bytes, the target takes ${most}`,
    { context: { offset: offset.toString() } },
  )
}
