import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { readUnsignedVarint, readVarint, readVarlong } from './varint.ts'

/**
 * Bounds-checked cursor over `bytes` from `position` to `end` (exclusive), for Kafka's wire types
 * (https://kafka.apache.org/protocol#protocol_types; compact types and tagged fields: KIP-482).
 * Numbers are big-endian. A length or count is compared with the bytes that are left before anything is
 * allocated for it. Byte strings are views of `bytes`, not copies.
 * Every method throws KB_BATCH_CORRUPT when the bytes end early or a length makes no sense.
 */
export class ByteReader {
  readonly bytes: Buffer
  position: number
  readonly end: number

  constructor(bytes: Buffer, begin = 0, end: number = bytes.length) {
    if (begin < 0 || begin > end || end > bytes.length) {
      throw new KafkaBackupError('KB_BATCH_CORRUPT', `range ${begin} to ${end} is not inside the bytes`)
    }
    this.bytes = bytes
    this.position = begin
    this.end = end
  }

  /** Bytes that are left. */
  get remaining(): number {
    return this.end - this.position
  }

  /** Moves over `byteCount` bytes and returns where they begin. */
  skip(byteCount: number): number {
    const begin = this.position
    if (byteCount < 0 || byteCount > this.end - begin) {
      throw new KafkaBackupError(
        'KB_BATCH_CORRUPT',
        `${byteCount} bytes wanted at byte ${begin}, ${this.end - begin} are left`,
      )
    }
    this.position = begin + byteCount
    return begin
  }

  /** Throws unless everything was read. */
  assertAtEnd(): void {
    if (this.position !== this.end) {
      throw new KafkaBackupError('KB_BATCH_CORRUPT', `${this.remaining} unexpected bytes at the end`)
    }
  }

  int8(): number {
    return this.bytes.readInt8(this.skip(1))
  }

  /** A byte that is 0 or not 0. */
  boolean(): boolean {
    return this.int8() !== 0
  }

  int16(): number {
    return this.bytes.readInt16BE(this.skip(2))
  }

  uint16(): number {
    return this.bytes.readUInt16BE(this.skip(2))
  }

  int32(): number {
    return this.bytes.readInt32BE(this.skip(4))
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.skip(4))
  }

  int64(): bigint {
    return this.bytes.readBigInt64BE(this.skip(8))
  }

  float64(): number {
    return this.bytes.readDoubleBE(this.skip(8))
  }

  /** The sixteen bytes of a UUID, as a view. */
  uuid(): Buffer {
    return this.raw(16)
  }

  /** Signed 32-bit zigzag varint. */
  varint(): number {
    return readVarint(this)
  }

  /** Signed 64-bit zigzag varlong. */
  varlong(): bigint {
    return readVarlong(this)
  }

  /** Unsigned 32-bit varint. */
  unsignedVarint(): number {
    return readUnsignedVarint(this)
  }

  /** The next `byteCount` bytes, as a view. */
  raw(byteCount: number): Buffer {
    const begin = this.skip(byteCount)
    return this.bytes.subarray(begin, begin + byteCount)
  }

  /** STRING: int16 length, UTF-8. */
  string(): string {
    return this.nullableString() ?? this.#refuseNull()
  }

  /** NULLABLE_STRING: int16 length, -1 for null. */
  nullableString(): string | null {
    return this.#text(this.int16())
  }

  /** COMPACT_STRING: unsigned varint length + 1. */
  compactString(): string {
    return this.compactNullableString() ?? this.#refuseNull()
  }

  /** COMPACT_NULLABLE_STRING: unsigned varint length + 1, 0 for null. */
  compactNullableString(): string | null {
    return this.#text(this.unsignedVarint() - 1)
  }

  /** BYTES: int32 length. A view. */
  byteString(): Buffer {
    return this.nullableByteString() ?? this.#refuseNull()
  }

  /** NULLABLE_BYTES and classic RECORDS: int32 length, -1 for null. A view. */
  nullableByteString(): Buffer | null {
    return this.#view(this.int32())
  }

  /** COMPACT_BYTES: unsigned varint length + 1. A view. */
  compactByteString(): Buffer {
    return this.compactNullableByteString() ?? this.#refuseNull()
  }

  /** COMPACT_NULLABLE_BYTES and COMPACT_RECORDS: unsigned varint length + 1, 0 for null. A view. */
  compactNullableByteString(): Buffer | null {
    return this.#view(this.unsignedVarint() - 1)
  }

  /** Count of an ARRAY (int32), -1 for null; each element takes at least `elementMinBytes`. */
  arrayLength(elementMinBytes = 1): number {
    return this.#count(this.int32(), elementMinBytes)
  }

  /** Count of a COMPACT_ARRAY (unsigned varint count + 1), -1 for null. */
  compactArrayLength(elementMinBytes = 1): number {
    return this.#count(this.unsignedVarint() - 1, elementMinBytes)
  }

  /** ARRAY: int32 count and elements; null is refused. */
  array<T>(readElement: (reader: this) => T, elementMinBytes = 1): T[] {
    return this.#elements(this.arrayLength(elementMinBytes), readElement) ?? this.#refuseNull()
  }

  /** ARRAY that may be null (count -1). */
  nullableArray<T>(readElement: (reader: this) => T, elementMinBytes = 1): T[] | null {
    return this.#elements(this.arrayLength(elementMinBytes), readElement)
  }

  /** COMPACT_ARRAY: unsigned varint count + 1 and elements; null is refused. */
  compactArray<T>(readElement: (reader: this) => T, elementMinBytes = 1): T[] {
    return this.#elements(this.compactArrayLength(elementMinBytes), readElement) ?? this.#refuseNull()
  }

  /** COMPACT_ARRAY that may be null (count 0 on the wire). */
  compactNullableArray<T>(readElement: (reader: this) => T, elementMinBytes = 1): T[] | null {
    return this.#elements(this.compactArrayLength(elementMinBytes), readElement)
  }

  /** Skips a block of tagged fields (KIP-482). */
  skipTaggedFields(): void {
    this.taggedFields(() => {})
  }

  /** Calls `visit` for each tagged field with a reader of exactly its bytes; unread bytes are skipped. */
  taggedFields(visit: (tag: number, field: ByteReader) => void): void {
    const count = this.#count(this.unsignedVarint(), 2)
    for (let index = 0; index < count; index++) {
      const tag = this.unsignedVarint()
      const byteLength = this.unsignedVarint()
      const begin = this.skip(byteLength)
      visit(tag, new ByteReader(this.bytes, begin, begin + byteLength))
    }
  }

  #text(byteLength: number): string | null {
    if (byteLength === -1) return null
    const begin = this.skip(byteLength)
    return this.bytes.toString('utf8', begin, begin + byteLength)
  }

  #view(byteLength: number): Buffer | null {
    return byteLength === -1 ? null : this.raw(byteLength)
  }

  #count(count: number, elementMinBytes: number): number {
    if (count === -1) return -1
    if (count < 0 || count > this.remaining / elementMinBytes) {
      throw new KafkaBackupError(
        'KB_BATCH_CORRUPT',
        `array of ${count} elements claimed at byte ${this.position}, ${this.remaining} bytes are left`,
      )
    }
    return count
  }

  #elements<T>(count: number, readElement: (reader: this) => T): T[] | null {
    if (count === -1) return null
    const elements: T[] = []
    for (let index = 0; index < count; index++) elements.push(readElement(this))
    return elements
  }

  #refuseNull(): never {
    throw new KafkaBackupError('KB_BATCH_CORRUPT', `null before byte ${this.position}, where none may be`)
  }
}
