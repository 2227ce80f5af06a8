import { LIMITS } from '../runtime/limits.ts'
import { corrupt, refuseLength, refuseMagic, refuseOffset, tooManyRecords } from './batch-error.ts'
import { type Codec, codecOf } from './codec.ts'
import { crc32c } from './crc32c.ts'
import { MESSAGE_MIN_BYTES } from './message.ts'
import { MessageSetEntry } from './message-set.ts'

/*
 * Record batch, format v2 (KIP-98; delete horizon: KIP-534). All numbers are big-endian.
 *
 *  offset size field                 meaning
 *       0    8 baseOffset            offset of the first record that was ever in the batch
 *       8    4 batchLength           bytes after this field: byteLength - 12
 *      12    4 partitionLeaderEpoch  set by the broker, -1 when produced; not covered by the CRC
 *      16    1 magic                 2
 *      17    4 crc                   CRC-32C of everything from byte 21 to the end
 *      21    2 attributes            bits 0-2 codec, 3 timestamp type (1: log append time), 4 transactional,
 *                                    5 control, 6 delete horizon set
 *      23    4 lastOffsetDelta       last offset - base offset; stays when compaction removes records
 *      27    8 baseTimestamp         deltas of the records are relative to it (also when it holds a delete horizon)
 *      35    8 maxTimestamp          of the records; with log append time, the time of every record
 *      43    8 producerId            -1 for none
 *      51    2 producerEpoch         -1 for none
 *      53    4 baseSequence          -1 for none
 *      57    4 recordCount           records that are in the batch
 *      61    . records               the body, compressed as a whole
 *
 * Entries of message sets (formats v0 and v1) have offset and length at the same places and their magic at byte 16 too,
 * so the three formats may follow each other.
 */

/** Positions of the fields in a batch, in bytes from its beginning (table above). */
export const BATCH_FIELD = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const

/** Masks of the bits in a batch's attributes. */
export const BATCH_ATTRIBUTE = {
  codec: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
} as const

/** The magic byte of record batches; message sets have 0 or 1. */
export const BATCH_MAGIC = 2

/** Bytes of a batch without records. */
export const BATCH_HEADER_BYTES: number = BATCH_FIELD.records

/** Bytes of a batch that its own length field does not count. */
export const BATCH_LENGTH_OVERHEAD_BYTES: number = BATCH_FIELD.partitionLeaderEpoch

/** Smallest length of any format: before the magic is there, nothing else can be said of it. */
const ENTRY_MIN_BYTES: number = MESSAGE_MIN_BYTES[0]!

/** Smallest record: length, attributes, two deltas, two absent fields and no headers, one byte each. */
const RECORD_MIN_BYTES = 7

/** Whether records carry the producer's time or the broker's. */
export type TimestampType = 'create_time' | 'log_append_time'

/**
 * Steps over the batches that lie one after the other in a buffer, as in a fetch response, without allocating. An entry of
 * a message set is shown as the batch that it would be: of one record, or of those in the wrapper; a field that only
 * record batches have is -1, and asking for one that needs the records may throw what {@link assertBatch} throws.
 * Fields are read from the buffer when asked for; those that are `bigint` cost an allocation each, so a hot loop
 * takes the `…Number` twin, which is exact (below 2^53) or throws.
 *
 * ```ts
 * for (cursor.reset(buffer, begin, end); cursor.next(); ) { verifyCrc(cursor); … }
 * if (cursor.partialBytes > 0) …  // the response was cut inside a batch, which is legal
 * ```
 * Until the first `next()`, and after one that returned false, no field may be read.
 */
export class BatchCursor {
  buffer: Buffer
  /** Where the current batch begins in `buffer`; after the last one, where whole batches end. */
  position: number
  /** Length of the current batch with its header, in bytes; 0 when there is none. */
  byteLength = 0
  #messageSet: MessageSetEntry | null = null
  #end: number

  constructor(buffer: Buffer = Buffer.alloc(0), begin = 0, end: number = buffer.length) {
    this.buffer = buffer
    this.position = begin
    this.#end = end
  }

  /** Puts the cursor before the batches in `buffer` from `begin` to `end` (exclusive). */
  reset(buffer: Buffer, begin = 0, end: number = buffer.length): this {
    this.buffer = buffer
    this.position = begin
    this.byteLength = 0
    this.#messageSet = null
    this.#end = end
    return this
  }

  /**
   * Steps to the next whole batch. False at the end, and before a batch of which only a part is there.
   * @throws KB_BATCH_CORRUPT when the length cannot be right, KB_LIMIT_EXCEEDED when it is above
   * LIMITS.batchMaxBytes, KB_FORMAT_UNSUPPORTED for a magic other than 0, 1 and 2.
   */
  next(): boolean {
    const begin = this.position + this.byteLength
    this.position = begin
    this.byteLength = 0
    this.#messageSet = null
    const available = this.#end - begin
    if (available < BATCH_LENGTH_OVERHEAD_BYTES) return false
    const byteLength = this.buffer.readInt32BE(begin + BATCH_FIELD.batchLength) + BATCH_LENGTH_OVERHEAD_BYTES
    if (byteLength < ENTRY_MIN_BYTES || byteLength > LIMITS.batchMaxBytes) refuseLength(byteLength, begin)
    if (available <= BATCH_FIELD.magic) return false
    const magic = this.buffer[begin + BATCH_FIELD.magic]!
    const minBytes = magic === BATCH_MAGIC ? BATCH_HEADER_BYTES : MESSAGE_MIN_BYTES[magic]
    if (minBytes === undefined) refuseMagic(magic, begin)
    if (byteLength < minBytes) refuseLength(byteLength, begin)
    if (byteLength > available) return false
    this.byteLength = byteLength
    if (magic !== BATCH_MAGIC) this.#messageSet = new MessageSetEntry(this.buffer, begin, byteLength)
    return true
  }

  /** The current batch when it is an entry of a message set, else null. */
  get messageSet(): MessageSetEntry | null {
    return this.#messageSet
  }

  /** Bytes from where the cursor stands to the end; after `next()` returned false, the partial batch. */
  get partialBytes(): number {
    return this.#end - this.position - this.byteLength
  }

  /** Where the current batch ends in `buffer` (exclusive). */
  get endPosition(): number {
    return this.position + this.byteLength
  }

  /** The offset at the beginning of the batch: the base offset, or in a message set the last offset. */
  get offsetField(): bigint {
    return this.buffer.readBigInt64BE(this.position + BATCH_FIELD.baseOffset)
  }

  get baseOffset(): bigint {
    return this.#messageSet === null ? this.offsetField : this.#messageSet.baseOffset
  }

  /** {@link baseOffset} as a number. @throws KB_LIMIT_EXCEEDED when it is not below 2^53 - 2^31. */
  get baseOffsetNumber(): number {
    const high = this.buffer.readInt32BE(this.position + BATCH_FIELD.baseOffset)
    if (high < 0 || high >= 0x1fffff) refuseOffset(this.position)
    // A message set does not begin behind the offset that stands there.
    if (this.#messageSet !== null) return Number(this.#messageSet.baseOffset)
    return high * 0x100000000 + this.buffer.readUInt32BE(this.position + BATCH_FIELD.baseOffset + 4)
  }

  /** Inclusive. */
  get lastOffset(): bigint {
    return this.#messageSet === null ? this.offsetField + BigInt(this.lastOffsetDelta) : this.offsetField
  }

  /** {@link lastOffset} as a number, exact: the base is far enough below 2^53. @throws KB_LIMIT_EXCEEDED */
  get lastOffsetNumber(): number {
    return this.baseOffsetNumber + this.lastOffsetDelta
  }

  get partitionLeaderEpoch(): number {
    return this.#messageSet === null
      ? this.buffer.readInt32BE(this.position + BATCH_FIELD.partitionLeaderEpoch)
      : -1
  }

  get magic(): number {
    return this.buffer.readInt8(this.position + BATCH_FIELD.magic)
  }

  /** The checksum that the batch carries, unsigned. */
  get crc(): number {
    return this.#messageSet === null
      ? this.buffer.readUInt32BE(this.position + BATCH_FIELD.crc)
      : this.#messageSet.crc
  }

  get attributes(): number {
    return this.#messageSet === null
      ? this.buffer.readInt16BE(this.position + BATCH_FIELD.attributes)
      : this.#messageSet.attributes
  }

  /** 0 to 7; 5 to 7 are unknown. */
  get codecId(): number {
    return this.attributes & BATCH_ATTRIBUTE.codec
  }

  /** @throws KB_FORMAT_UNSUPPORTED for an unknown id. */
  get codec(): Codec {
    return codecOf(this.codecId)
  }

  get timestampType(): TimestampType {
    return this.isLogAppendTime ? 'log_append_time' : 'create_time'
  }

  get isLogAppendTime(): boolean {
    return (this.attributes & BATCH_ATTRIBUTE.logAppendTime) !== 0
  }

  get isTransactional(): boolean {
    return (this.attributes & BATCH_ATTRIBUTE.transactional) !== 0
  }

  get isControl(): boolean {
    return (this.attributes & BATCH_ATTRIBUTE.control) !== 0
  }

  /** True when the cleaner put the time at which tombstones may go into `baseTimestamp` (KIP-534). */
  get hasDeleteHorizon(): boolean {
    return (this.attributes & BATCH_ATTRIBUTE.deleteHorizon) !== 0
  }

  get lastOffsetDelta(): number {
    return this.#messageSet === null
      ? this.buffer.readInt32BE(this.position + BATCH_FIELD.lastOffsetDelta)
      : this.#messageSet.lastOffsetDelta
  }

  /** Milliseconds; the delete horizon when the batch has one. Deltas are relative to it in both cases. */
  get baseTimestamp(): bigint {
    return this.#messageSet === null
      ? this.buffer.readBigInt64BE(this.position + BATCH_FIELD.baseTimestamp)
      : this.#messageSet.firstTimestamp
  }

  /** Milliseconds. */
  get maxTimestamp(): bigint {
    return this.#messageSet === null
      ? this.buffer.readBigInt64BE(this.position + BATCH_FIELD.maxTimestamp)
      : this.#messageSet.maxTimestamp
  }

  get producerId(): bigint {
    return this.#messageSet === null
      ? this.buffer.readBigInt64BE(this.position + BATCH_FIELD.producerId)
      : -1n
  }

  get producerEpoch(): number {
    return this.#messageSet === null ? this.buffer.readInt16BE(this.position + BATCH_FIELD.producerEpoch) : -1
  }

  get baseSequence(): number {
    return this.#messageSet === null ? this.buffer.readInt32BE(this.position + BATCH_FIELD.baseSequence) : -1
  }

  get recordCount(): number {
    return this.#messageSet === null
      ? this.buffer.readInt32BE(this.position + BATCH_FIELD.recordCount)
      : this.#messageSet.recordCount
  }

  /** Length of the records as they lie there (compressed), in bytes. */
  get bodyByteLength(): number {
    return this.#messageSet === null ? this.byteLength - BATCH_HEADER_BYTES : this.#messageSet.body.length
  }

  /** The records as they lie there (compressed): a view. */
  get body(): Buffer {
    return this.#messageSet === null
      ? this.buffer.subarray(this.position + BATCH_HEADER_BYTES, this.position + this.byteLength)
      : this.#messageSet.body
  }

  /** The whole batch: a view. */
  get bytes(): Buffer {
    return this.buffer.subarray(this.position, this.position + this.byteLength)
  }
}

/** True when the checksum of the current batch is right: CRC-32C, in a message set CRC-32. */
export function hasValidCrc(cursor: BatchCursor): boolean {
  if (cursor.messageSet !== null) return cursor.messageSet.hasValidCrc
  const begin = cursor.position + BATCH_FIELD.attributes
  return crc32c(cursor.buffer.subarray(begin, cursor.endPosition)) === cursor.crc
}

/** @throws KB_BATCH_CORRUPT when the checksum of the current batch is wrong. */
export function verifyCrc(cursor: BatchCursor): void {
  if (hasValidCrc(cursor)) return
  throw corrupt(cursor, `${cursor.messageSet === null ? 'CRC-32C' : 'CRC-32'} does not match`)
}

/**
 * Checks the fields of the current batch against each other; looks into the records only of a message set.
 * @throws KB_BATCH_CORRUPT, KB_FORMAT_UNSUPPORTED (codec), KB_LIMIT_EXCEEDED (record count).
 */
export function assertBatch(cursor: BatchCursor): void {
  if (cursor.messageSet !== null) {
    cursor.messageSet.assertValid()
    return
  }
  const { recordCount, lastOffsetDelta, bodyByteLength } = cursor
  const codec = cursor.codec
  if (lastOffsetDelta < 0) throw corrupt(cursor, `last offset delta ${lastOffsetDelta} is negative`)
  // The high half decides the sign, and whether base plus delta can pass 2^63.
  if (cursor.buffer[cursor.position]! >= 0x80) throw corrupt(cursor, 'base offset is negative')
  if (cursor.buffer[cursor.position]! === 0x7f && cursor.lastOffset > 0x7fffffffffffffffn) {
    throw corrupt(cursor, 'last offset does not fit 64 bits')
  }
  if (recordCount < 0) throw corrupt(cursor, `record count ${recordCount} is negative`)
  if (recordCount > LIMITS.batchMaxRecords) throw tooManyRecords(cursor, recordCount)
  if (recordCount > lastOffsetDelta + 1) {
    throw corrupt(cursor, `${recordCount} records do not fit ${lastOffsetDelta + 1} offsets`)
  }
  if (recordCount === 0 ? codec === 'none' && bodyByteLength > 0 : bodyByteLength === 0) {
    throw corrupt(cursor, `${recordCount} records in ${bodyByteLength} bytes`)
  }
  if (codec === 'none' && recordCount > bodyByteLength / RECORD_MIN_BYTES) {
    throw corrupt(cursor, `${recordCount} records in ${bodyByteLength} bytes`)
  }
}
