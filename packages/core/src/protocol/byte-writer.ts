import { invariant } from '../runtime/invariant.ts'
import {
  VARINT_MAX_BYTES,
  VARLONG_MAX_BYTES,
  writeUnsignedVarint,
  writeVarint,
  writeVarlong,
} from './varint.ts'

const STRING_MAX_BYTES = 0x7fff
const INT32_MAX = 0x7fffffff

/**
 * Growing buffer with Kafka's wire types (https://kafka.apache.org/protocol#protocol_types; compact types and
 * tagged fields: KIP-482). Numbers are big-endian. Methods return the writer, so that calls can be chained.
 * A value that does not fit its type is our own mistake and throws KB_INTERNAL or a RangeError of Node.
 */
export class ByteWriter {
  #buffer: Buffer
  #length = 0

  constructor(capacityBytes = 256) {
    this.#buffer = Buffer.allocUnsafe(Math.max(16, capacityBytes))
  }

  /** Bytes written so far; the position of the next byte. */
  get length(): number {
    return this.#length
  }

  /** What was written: a view without a copy. The writer must not be used after it. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** Makes room for `byteCount` bytes of zero, to be patched later; returns where they begin. */
  reserve(byteCount: number): number {
    const begin = this.#grow(byteCount)
    this.#buffer.fill(0, begin, begin + byteCount)
    return begin
  }

  patchInt32(position: number, value: number): this {
    invariant(position >= 0 && position + 4 <= this.#length, 'patch lies inside what was written')
    this.#buffer.writeInt32BE(value, position)
    return this
  }

  patchUint32(position: number, value: number): this {
    return this.patchInt32(position, value | 0)
  }

  patchInt64(position: number, value: bigint): this {
    invariant(position >= 0 && position + 8 <= this.#length, 'patch lies inside what was written')
    this.#buffer.writeBigInt64BE(value, position)
    return this
  }

  int8(value: number): this {
    const begin = this.#grow(1)
    this.#buffer.writeInt8(value, begin)
    return this
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  int16(value: number): this {
    const begin = this.#grow(2)
    this.#buffer.writeInt16BE(value, begin)
    return this
  }

  uint16(value: number): this {
    const begin = this.#grow(2)
    this.#buffer.writeUInt16BE(value, begin)
    return this
  }

  int32(value: number): this {
    const begin = this.#grow(4)
    this.#buffer.writeInt32BE(value, begin)
    return this
  }

  uint32(value: number): this {
    const begin = this.#grow(4)
    this.#buffer.writeUInt32BE(value, begin)
    return this
  }

  int64(value: bigint): this {
    const begin = this.#grow(8)
    this.#buffer.writeBigInt64BE(value, begin)
    return this
  }

  float64(value: number): this {
    const begin = this.#grow(8)
    this.#buffer.writeDoubleBE(value, begin)
    return this
  }

  /** Sixteen bytes of a UUID. */
  uuid(value: Uint8Array): this {
    invariant(value.length === 16, 'a UUID has sixteen bytes')
    return this.raw(value)
  }

  /** Signed 32-bit zigzag varint. */
  varint(value: number): this {
    const begin = this.#grow(VARINT_MAX_BYTES)
    this.#length = writeVarint(this.#buffer, begin, value)
    return this
  }

  /** Signed 64-bit zigzag varlong. */
  varlong(value: bigint): this {
    const begin = this.#grow(VARLONG_MAX_BYTES)
    this.#length = writeVarlong(this.#buffer, begin, value)
    return this
  }

  /** Unsigned 32-bit varint. */
  unsignedVarint(value: number): this {
    const begin = this.#grow(VARINT_MAX_BYTES)
    this.#length = writeUnsignedVarint(this.#buffer, begin, value)
    return this
  }

  /** The bytes as they are, copied. */
  raw(value: Uint8Array): this {
    const begin = this.#grow(value.length)
    this.#buffer.set(value, begin)
    return this
  }

  /** STRING and NULLABLE_STRING: int16 length (-1 for null), UTF-8. */
  string(value: string | null): this {
    if (value === null) return this.int16(-1)
    const byteLength = Buffer.byteLength(value)
    invariant(byteLength <= STRING_MAX_BYTES, 'a classic string has at most 32767 bytes')
    return this.int16(byteLength).#text(value, byteLength)
  }

  /** COMPACT_STRING and COMPACT_NULLABLE_STRING: unsigned varint length + 1 (0 for null), UTF-8. */
  compactString(value: string | null): this {
    if (value === null) return this.unsignedVarint(0)
    const byteLength = Buffer.byteLength(value)
    return this.unsignedVarint(byteLength + 1).#text(value, byteLength)
  }

  /** BYTES, NULLABLE_BYTES and classic RECORDS: int32 length (-1 for null). */
  byteString(value: Uint8Array | null): this {
    return value === null ? this.int32(-1) : this.int32(value.length).raw(value)
  }

  /** COMPACT_BYTES, COMPACT_NULLABLE_BYTES and COMPACT_RECORDS: unsigned varint length + 1 (0 for null). */
  compactByteString(value: Uint8Array | null): this {
    return value === null ? this.unsignedVarint(0) : this.unsignedVarint(value.length + 1).raw(value)
  }

  /** ARRAY: int32 count (-1 for null) and elements. */
  array<T>(elements: readonly T[] | null, writeElement: (writer: this, element: T) => void): this {
    this.int32(elements === null ? -1 : elements.length)
    for (const element of elements ?? []) writeElement(this, element)
    return this
  }

  /** COMPACT_ARRAY: unsigned varint count + 1 (0 for null) and elements. */
  compactArray<T>(elements: readonly T[] | null, writeElement: (writer: this, element: T) => void): this {
    this.unsignedVarint(elements === null ? 0 : elements.length + 1)
    for (const element of elements ?? []) writeElement(this, element)
    return this
  }

  /** A block of tagged fields (KIP-482), sorted by tag as the protocol wants; empty when none are given. */
  taggedFields(fields: readonly { readonly tag: number; readonly value: Uint8Array }[] = []): this {
    this.unsignedVarint(fields.length)
    for (const field of fields.toSorted((left, right) => left.tag - right.tag)) {
      this.unsignedVarint(field.tag).unsignedVarint(field.value.length).raw(field.value)
    }
    return this
  }

  #text(value: string, byteLength: number): this {
    const begin = this.#grow(byteLength)
    this.#buffer.write(value, begin, byteLength, 'utf8')
    return this
  }

  /** Advances by `byteCount`, with room for them; varints give back what they do not use. */
  #grow(byteCount: number): number {
    const begin = this.#length
    const needed = begin + byteCount
    if (needed > this.#buffer.length) {
      invariant(needed <= INT32_MAX, 'what Kafka is sent has a signed 32-bit length')
      const grown = Buffer.allocUnsafe(Math.min(INT32_MAX, Math.max(needed, this.#buffer.length * 2)))
      grown.set(this.#buffer.subarray(0, begin))
      this.#buffer = grown
    }
    this.#length = needed
    return begin
  }
}
