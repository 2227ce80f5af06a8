import { LIMITS } from '../runtime/limits.ts'
import { decompressBody } from './batch-compression.ts'
import { corrupt } from './batch-error.ts'
import { codecOf } from './codec.ts'
import { decompressLz4Frame } from './lz4-frame.ts'
import { hasValidMessageCrc, type Message, messageAttributes, messageCrc, parseMessage } from './message.ts'
import type { KafkaRecord } from './record.ts'

/*
 * Message sets: what Kafka had before record batches. Brokers write none any more and still hand out what lies on their
 * disks (KIP-724). An entry with a codec is a wrapper: its value, decompressed, is again a message set, of entries without
 * a codec. Inside a v1 wrapper offsets are relative to one another, and the last of them means the wrapper's own; inside a
 * v0 wrapper they are absolute. With log append time, records have the timestamp of their wrapper.
 */

const CODEC_MASK = 0x07
const OFFSET_DELTA_MAX = 0x7fffffffn

/** What one pass over the records found. */
interface Survey {
  /** The message set that holds them. */
  readonly bytes: Buffer
  readonly outer: Message
  /** What is added to the offsets in `bytes`. */
  readonly offsetBase: bigint
  readonly firstOffset: bigint
  readonly firstTimestamp: bigint
  readonly minTimestamp: bigint
  readonly maxTimestamp: bigint
  readonly recordCount: number
}

/**
 * An entry of format v0 or v1: one record, or a wrapper around several. Offset, checksum and attributes are read where
 * they stand. For a wrapper everything else takes a decompression: it is done once, when first asked for, and throws then
 * what {@link MessageSetEntry.assertValid} throws.
 */
export class MessageSetEntry {
  readonly position: number
  readonly #buffer: Buffer
  readonly #end: number
  #survey: Survey | undefined

  /** An entry that is whole in `buffer`, of magic 0 or 1, and not smaller than MESSAGE_MIN_BYTES. */
  constructor(buffer: Buffer, position: number, byteLength: number) {
    this.position = position
    this.#buffer = buffer
    this.#end = position + byteLength
  }

  /** The offset that stands in the entry: its last. */
  get offsetField(): bigint {
    return this.#buffer.readBigInt64BE(this.position)
  }

  /** The checksum that the entry carries, unsigned. */
  get crc(): number {
    return messageCrc(this.#buffer, this.position)
  }

  get hasValidCrc(): boolean {
    return hasValidMessageCrc(this.#buffer, this.position, this.#end)
  }

  get attributes(): number {
    return messageAttributes(this.#buffer, this.position)
  }

  get isWrapper(): boolean {
    return (this.attributes & CODEC_MASK) !== 0
  }

  /** Offset of the first record. */
  get baseOffset(): bigint {
    return this.isWrapper ? this.#surveyed().firstOffset : this.offsetField
  }

  get lastOffsetDelta(): number {
    return this.isWrapper ? Number(this.offsetField - this.#surveyed().firstOffset) : 0
  }

  get recordCount(): number {
    return this.isWrapper ? this.#surveyed().recordCount : 1
  }

  /** Effective timestamp of the first record in milliseconds; -1 for none. */
  get firstTimestamp(): bigint {
    return this.#surveyed().firstTimestamp
  }

  /** Smallest effective timestamp in milliseconds; -1 where a record has none. */
  get minTimestamp(): bigint {
    return this.#surveyed().minTimestamp
  }

  /** Largest effective timestamp in milliseconds, of the records themselves; -1 for none. */
  get maxTimestamp(): bigint {
    return this.#surveyed().maxTimestamp
  }

  /** The value of a wrapper as it lies there (compressed); else the entry itself. A view. */
  get body(): Buffer {
    if (this.isWrapper) return this.#outer().value ?? this.#fail('compressed message without a value')
    return this.#buffer.subarray(this.position, this.#end)
  }

  /** The message set that holds the records: that in the wrapper, or the entry itself. */
  get decompressedBody(): Buffer {
    return this.#surveyed().bytes
  }

  /**
   * Checks everything but the entry's own CRC: lengths, and inside a wrapper CRCs, offsets and ceilings. It looks into the
   * records, because a wrapper does not say its first offset.
   * @throws KB_BATCH_CORRUPT, KB_FORMAT_UNSUPPORTED (codec), KB_LIMIT_EXCEEDED
   */
  assertValid(): void {
    this.#surveyed()
  }

  /** The records in order; they have no headers. @throws what {@link assertValid} throws, at the call */
  records(): Iterable<KafkaRecord> {
    return this.#iterate(this.#surveyed())
  }

  *#iterate({ bytes, outer, offsetBase }: Survey): Generator<KafkaRecord> {
    for (let position = 0; position < bytes.length; ) {
      const message = parseMessage(bytes, position, bytes.length, this.#fail)
      const timestamp = effectiveTimestamp(outer, message)
      yield {
        offset: offsetBase + message.offset,
        timestamp,
        key: message.key,
        value: message.value,
        headers: NO_HEADERS,
      }
      position = message.endPosition
    }
  }

  #surveyed(): Survey {
    this.#survey ??= this.#lookThrough()
    return this.#survey
  }

  #outer(): Message {
    return parseMessage(this.#buffer, this.position, this.#end, this.#fail)
  }

  #decompressed(outer: Message): Buffer {
    const codec = codecOf(outer.codecId)
    // KIP-110 gave the codec to record batches alone.
    if (codec === 'zstd') this.#fail(`zstd in format v${outer.magic}`)
    if (codec === 'lz4' && outer.magic === 0) {
      return decompressLz4Frame(this.body, LIMITS.batchMaxRawBytes, { acceptsOldHeaderChecksum: true })
    }
    return decompressBody(codec, this.body, LIMITS.batchMaxRawBytes)
  }

  /** No count of records is checked: LIMITS.batchMaxRawBytes of the smallest messages are below LIMITS.batchMaxRecords. */
  #lookThrough(): Survey {
    const outer = this.#outer()
    const bytes = this.#decompressed(outer)
    const first = parseMessage(bytes, 0, bytes.length, this.#fail)
    let last = first
    let minTimestamp = effectiveTimestamp(outer, first)
    let maxTimestamp = minTimestamp
    let recordCount = 0
    for (let position = 0; position < bytes.length; position = last.endPosition) {
      const message = position === 0 ? first : parseMessage(bytes, position, bytes.length, this.#fail)
      if (recordCount++ > 0 && message.offset <= last.offset) {
        this.#fail(`offset ${message.offset} behind ${last.offset}`)
      }
      if (this.isWrapper) this.#assertInner(bytes, position, message)
      const timestamp = effectiveTimestamp(outer, message)
      if (timestamp < minTimestamp) minTimestamp = timestamp
      if (timestamp > maxTimestamp) maxTimestamp = timestamp
      last = message
    }
    const offsetBase = this.#offsetBase(outer, first.offset, last.offset)
    const firstOffset = offsetBase + first.offset
    const firstTimestamp = effectiveTimestamp(outer, first)
    return { bytes, outer, offsetBase, firstOffset, firstTimestamp, minTimestamp, maxTimestamp, recordCount }
  }

  #assertInner(bytes: Buffer, position: number, message: Message): void {
    if (message.codecId !== 0) this.#fail('compressed message inside a compressed message')
    if (hasValidMessageCrc(bytes, position, message.endPosition)) return
    this.#fail(`CRC-32 of the record with offset field ${message.offset} does not match`)
  }

  /** What is added to the offsets of the records, whose first and last are given as they stand there. */
  #offsetBase(outer: Message, first: bigint, last: bigint): bigint {
    const base = this.isWrapper && outer.magic === 1 ? outer.offset - last : 0n
    if (base < 0n || first < 0n) this.#fail(`offsets ${first} to ${last} in a message of ${outer.offset}`)
    if (base + last > outer.offset) this.#fail(`offset ${last} in a message of ${outer.offset}`)
    if (outer.offset - base - first > OFFSET_DELTA_MAX) {
      this.#fail(`offsets ${first} to ${outer.offset} in one message`)
    }
    return base
  }

  readonly #fail = (what: string): never => {
    throw corrupt(this, what)
  }
}

/** As Kafka's consumer shows it. */
function effectiveTimestamp(outer: Message, message: Message): bigint {
  return outer.isLogAppendTime && message.magic !== 0 ? outer.timestamp : message.timestamp
}

const NO_HEADERS: KafkaRecord['headers'] = Object.freeze([])
