import { LIMITS } from '../runtime/limits.ts'
import { decompressBody } from './batch-compression.ts'
import { corrupt } from './batch-error.ts'
import { ByteReader } from './byte-reader.ts'
import { assertBatch, type BatchCursor } from './record-batch.ts'

/*
 * Record inside a v2 batch (KIP-82, KIP-98); lengths and deltas are zigzag varints, the timestamp delta a varlong:
 *   length (of what follows), attributes (int8, unused), timestamp delta, offset delta,
 *   key length (-1 for null), key, value length (-1 for null), value, header count,
 *   and for each header: name length, name, value length (-1 for null), value.
 */

/** Smallest header of a record: an empty name and an absent value. */
const HEADER_MIN_BYTES = 2

/** One header of a record. Names may repeat; the order counts. */
export interface RecordHeader {
  /** The name as it lies there: Kafka says UTF-8 and does not check it, so only the bytes are faithful. */
  readonly nameBytes: Buffer
  /** {@link nameBytes} as text; invalid UTF-8 is replaced. */
  readonly name: string
  readonly value: Buffer | null
}

/** One record. Byte strings are views of the batch's body; copy what must outlive it. */
export interface KafkaRecord {
  readonly offset: bigint
  /** Effective timestamp in milliseconds: with log append time, the max timestamp of the batch. */
  readonly timestamp: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

/**
 * The decompressed records of the current batch, at most LIMITS.batchMaxRawBytes of them; of a message set, the messages.
 * @throws KB_BATCH_CORRUPT, KB_LIMIT_EXCEEDED, KB_FORMAT_UNSUPPORTED (codec).
 */
export function decompressRecords(cursor: BatchCursor): Buffer {
  if (cursor.messageSet !== null) return cursor.messageSet.decompressedBody
  // An emptied batch keeps its codec in some versions and has no compressed stream.
  if (cursor.recordCount === 0 && cursor.bodyByteLength === 0) return cursor.body
  return decompressBody(cursor.codec, cursor.body, LIMITS.batchMaxRawBytes)
}

/**
 * The records of the current batch, whose decompressed records are `body` (a message set has its own). The header is read at the call, so the
 * cursor may move on while the records are being read. Errors are thrown where the reading meets them.
 * @throws KB_BATCH_CORRUPT when lengths, count or offset deltas disagree, or bytes are left over.
 */
export function readRecords(
  cursor: BatchCursor,
  body: Buffer = decompressRecords(cursor),
): Iterable<KafkaRecord> {
  return cursor.messageSet === null ? iterate(new RecordReader(cursor, body)) : cursor.messageSet.records()
}

/** {@link readRecords} by a callback, which is quicker. */
export function visitRecords(
  cursor: BatchCursor,
  visit: (record: KafkaRecord) => void,
  body: Buffer = decompressRecords(cursor),
): void {
  if (cursor.messageSet !== null) {
    for (const record of cursor.messageSet.records()) visit(record)
    return
  }
  const reader = new RecordReader(cursor, body)
  for (let record = reader.next(); record !== null; record = reader.next()) visit(record)
}

function* iterate(reader: RecordReader): Generator<KafkaRecord> {
  for (let record = reader.next(); record !== null; record = reader.next()) yield record
}

/** Reads one record after the other and holds what must agree across them. */
class RecordReader {
  readonly #bytes: ByteReader
  readonly #baseOffset: bigint
  readonly #baseTimestamp: bigint
  readonly #appendTimestamp: bigint | null
  readonly #lastOffsetDelta: number
  readonly #fail: (what: string) => never
  #recordsLeft: number
  #previousDelta = -1

  constructor(cursor: BatchCursor, body: Buffer) {
    assertBatch(cursor)
    const { position, baseOffset } = cursor
    this.#bytes = new ByteReader(body)
    this.#baseOffset = baseOffset
    this.#baseTimestamp = cursor.baseTimestamp
    this.#appendTimestamp = cursor.isLogAppendTime ? cursor.maxTimestamp : null
    this.#lastOffsetDelta = cursor.lastOffsetDelta
    this.#recordsLeft = cursor.recordCount
    this.#fail = (what) => {
      throw corrupt({ position, offsetField: baseOffset }, what)
    }
  }

  /** The next record, or null after the last one. */
  next(): KafkaRecord | null {
    const bytes = this.#bytes
    if (this.#recordsLeft === 0) {
      if (bytes.remaining > 0) this.#fail(`${bytes.remaining} bytes behind the last record`)
      return null
    }
    this.#recordsLeft--
    const byteLength = bytes.varint()
    const end = bytes.position + byteLength
    if (byteLength < 0 || end > bytes.end) this.#fail(`record of ${byteLength} bytes`)
    bytes.skip(1)
    const timestamp = this.#timestamp(bytes)
    const delta = bytes.varint()
    if (delta <= this.#previousDelta || delta > this.#lastOffsetDelta) {
      this.#fail(`offset delta ${delta} after ${this.#previousDelta}, last is ${this.#lastOffsetDelta}`)
    }
    this.#previousDelta = delta
    const key = this.#byteString(bytes)
    const value = this.#byteString(bytes)
    const headers = this.#headers(bytes, end)
    if (bytes.position !== end) this.#fail(`record ends at byte ${bytes.position} of the body, not at ${end}`)
    return { offset: this.#baseOffset + BigInt(delta), timestamp, key, value, headers }
  }

  /** Wraps around at 64 bits, as the writer's subtraction did. */
  #timestamp(bytes: ByteReader): bigint {
    const timestamp = BigInt.asIntN(64, this.#baseTimestamp + bytes.varlong())
    return this.#appendTimestamp ?? timestamp
  }

  #byteString(bytes: ByteReader): Buffer | null {
    const byteLength = bytes.varint()
    return byteLength === -1 ? null : bytes.raw(byteLength)
  }

  #headers(bytes: ByteReader, end: number): readonly RecordHeader[] {
    const count = bytes.varint()
    if (count === 0) return NO_HEADERS
    if (count < 0 || count > LIMITS.recordMaxHeaders || count > (end - bytes.position) / HEADER_MIN_BYTES) {
      this.#fail(`${count} headers in a record with ${end - bytes.position} bytes left`)
    }
    const headers: RecordHeader[] = []
    for (let index = 0; index < count; index++) {
      const nameBytes = bytes.raw(bytes.varint())
      headers.push({ nameBytes, name: nameBytes.toString('utf8'), value: this.#byteString(bytes) })
    }
    return headers
  }
}

const NO_HEADERS: readonly RecordHeader[] = Object.freeze([])
