import { invariant } from '../runtime/invariant.ts'
import { compressBody } from './batch-compression.ts'
import { sealBatch } from './batch-patch.ts'
import { ByteWriter } from './byte-writer.ts'
import { type Codec, codecIdOf } from './codec.ts'
import {
  BATCH_ATTRIBUTE,
  BATCH_FIELD,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_OVERHEAD_BYTES,
  BATCH_MAGIC,
  type BatchCursor,
  type TimestampType,
} from './record-batch.ts'
import { varintByteLength, varlongByteLength } from './varint.ts'

/** A record to be written; a KafkaRecord is one. */
export interface RecordInput {
  /** Milliseconds; -1 for none. */
  readonly timestamp: bigint
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly { readonly nameBytes: Uint8Array; readonly value: Uint8Array | null }[]
  /** Offset minus base offset; when absent, one more than that of the record before (0 for the first). */
  readonly offsetDelta?: number
}

/** Header of a batch to be written. What is absent has the value that a plain producer would send. */
export interface BatchHeaderInput {
  /** 0 when absent. */
  readonly baseOffset?: bigint
  /** -1 when absent. */
  readonly partitionLeaderEpoch?: number
  /** `none` when absent. */
  readonly codec?: Codec
  /** `create_time` when absent. */
  readonly timestampType?: TimestampType
  /** False when absent. */
  readonly isTransactional?: boolean
  /** False when absent. */
  readonly isControl?: boolean
  /** -1 when absent; likewise the two below. */
  readonly producerId?: bigint
  readonly producerEpoch?: number
  readonly baseSequence?: number
}

/** A batch to be written by {@link buildBatch}. */
export interface BatchInput extends BatchHeaderInput {
  readonly records: readonly RecordInput[]
  /** Compression level of gzip and zstd. */
  readonly level?: number
  /** That of the last record when absent; larger when compaction took records from the end. */
  readonly lastOffsetDelta?: number
  /** That of the first record when absent. Ignored when a delete horizon is given. */
  readonly baseTimestamp?: bigint
  /** The largest of the records when absent (-1 without records). With log append time, give it. */
  readonly maxTimestamp?: bigint
  /** Milliseconds; sets the flag of KIP-534. Only a log cleaner writes it; for tests. */
  readonly deleteHorizon?: bigint
}

/** What {@link assembleBatch} needs beside the header. `body` is compressed already. */
export interface BatchBody {
  readonly body: Uint8Array
  readonly recordCount: number
  readonly lastOffsetDelta: number
  readonly baseTimestamp: bigint
  readonly maxTimestamp: bigint
  readonly hasDeleteHorizon?: boolean
}

/** A whole v2 batch, with its CRC, from records. The inverse of readRecords. */
export function buildBatch(input: BatchInput): Buffer {
  const { records } = input
  const baseTimestamp = input.deleteHorizon ?? input.baseTimestamp ?? records[0]?.timestamp ?? -1n
  const raw = encodeRecords(records, baseTimestamp)
  // An emptied batch has no body at all, whatever its codec was.
  const codec = records.length === 0 ? 'none' : (input.codec ?? 'none')
  return assembleBatch(
    { ...input, codec },
    {
      body: compressBody(codec, raw, input.level),
      recordCount: records.length,
      lastOffsetDelta: input.lastOffsetDelta ?? Math.max(0, lastDeltaOf(records)),
      baseTimestamp,
      maxTimestamp: input.maxTimestamp ?? maxTimestampOf(records),
      hasDeleteHorizon: input.deleteHorizon !== undefined,
    },
  )
}

/** The records of a batch, uncompressed, with timestamps relative to `baseTimestamp`. */
export function encodeRecords(records: readonly RecordInput[], baseTimestamp: bigint): Buffer {
  const writer = new ByteWriter(1024)
  let delta = -1
  for (const record of records) {
    const next = record.offsetDelta ?? delta + 1
    invariant(next > delta, 'offset deltas ascend')
    delta = next
    encodeRecord(writer, record, delta, BigInt.asIntN(64, record.timestamp - baseTimestamp))
  }
  return writer.finish()
}

/** A whole v2 batch, with its CRC, from a header and records that are encoded and compressed already. */
export function assembleBatch(header: BatchHeaderInput, content: BatchBody): Buffer {
  const byteLength = BATCH_HEADER_BYTES + content.body.length
  const batch = new ByteWriter(byteLength)
    .int64(header.baseOffset ?? 0n)
    .int32(byteLength - BATCH_LENGTH_OVERHEAD_BYTES)
    .int32(header.partitionLeaderEpoch ?? -1)
    .int8(BATCH_MAGIC)
    .uint32(0)
    .int16(attributesOf(header, content.hasDeleteHorizon === true))
    .int32(content.lastOffsetDelta)
    .int64(content.baseTimestamp)
    .int64(content.maxTimestamp)
    .int64(header.producerId ?? -1n)
    .int16(header.producerEpoch ?? -1)
    .int32(header.baseSequence ?? -1)
    .int32(content.recordCount)
    .raw(content.body)
    .finish()
  sealBatch(batch, 0)
  return batch
}

/**
 * The current batch with its records compressed otherwise: the same header but for codec, length and CRC. `body` is
 * what `codec` makes of the same records.
 */
export function withBody(cursor: BatchCursor, codec: Codec, body: Uint8Array): Buffer {
  invariant(cursor.messageSet === null, 'a message set has no header to keep')
  const byteLength = BATCH_HEADER_BYTES + body.length
  const batch = Buffer.allocUnsafe(byteLength)
  cursor.buffer.copy(batch, 0, cursor.position, cursor.position + BATCH_HEADER_BYTES)
  batch.set(body, BATCH_HEADER_BYTES)
  batch.writeInt32BE(byteLength - BATCH_LENGTH_OVERHEAD_BYTES, BATCH_FIELD.batchLength)
  const attributes = (cursor.attributes & ~BATCH_ATTRIBUTE.codec) | codecIdOf(codec)
  batch.writeInt16BE(attributes, BATCH_FIELD.attributes)
  sealBatch(batch, 0)
  return batch
}

function encodeRecord(writer: ByteWriter, record: RecordInput, offsetDelta: number, timeDelta: bigint): void {
  let byteLength = 1 + varlongByteLength(timeDelta) + varintByteLength(offsetDelta)
  byteLength += byteStringLength(record.key) + byteStringLength(record.value)
  byteLength += varintByteLength(record.headers.length)
  for (const header of record.headers) {
    byteLength += byteStringLength(header.nameBytes) + byteStringLength(header.value)
  }
  writer.varint(byteLength).int8(0).varlong(timeDelta).varint(offsetDelta)
  writeByteString(writer, record.key)
  writeByteString(writer, record.value)
  writer.varint(record.headers.length)
  for (const header of record.headers) {
    writeByteString(writer, header.nameBytes)
    writeByteString(writer, header.value)
  }
}

function byteStringLength(value: Uint8Array | null): number {
  return value === null ? 1 : varintByteLength(value.length) + value.length
}

function writeByteString(writer: ByteWriter, value: Uint8Array | null): void {
  if (value === null) writer.varint(-1)
  else writer.varint(value.length).raw(value)
}

function attributesOf(header: BatchHeaderInput, hasDeleteHorizon: boolean): number {
  let attributes = codecIdOf(header.codec ?? 'none')
  if (header.timestampType === 'log_append_time') attributes |= BATCH_ATTRIBUTE.logAppendTime
  if (header.isTransactional) attributes |= BATCH_ATTRIBUTE.transactional
  if (header.isControl) attributes |= BATCH_ATTRIBUTE.control
  if (hasDeleteHorizon) attributes |= BATCH_ATTRIBUTE.deleteHorizon
  return attributes
}

function lastDeltaOf(records: readonly RecordInput[]): number {
  let delta = -1
  for (const record of records) delta = record.offsetDelta ?? delta + 1
  return delta
}

function maxTimestampOf(records: readonly RecordInput[]): bigint {
  let maxTimestamp = records[0]?.timestamp ?? -1n
  for (const record of records) if (record.timestamp > maxTimestamp) maxTimestamp = record.timestamp
  return maxTimestamp
}
