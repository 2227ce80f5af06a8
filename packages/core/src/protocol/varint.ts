import { KafkaBackupError } from '../errors/kafka-backup-error.ts'

/**
 * A position in bytes that varints are read from. The reader of records and {@link ByteReader} have this shape;
 * decoders advance `position` and never go to `end` (exclusive) or beyond.
 */
export interface VarintSource {
  readonly bytes: Uint8Array
  position: number
  readonly end: number
}

/** Most bytes that an encoded 32-bit varint takes. */
export const VARINT_MAX_BYTES = 5

/** Most bytes that an encoded 64-bit varlong takes. */
export const VARLONG_MAX_BYTES = 10

/** Seven bytes carry 49 bits, which a number holds exactly; nearly every timestamp delta is shorter. */
const EXACT_VARLONG_BYTES = 7

const truncated = (position: number): never => {
  throw new KafkaBackupError('KB_BATCH_CORRUPT', `varint at byte ${position} is cut off`)
}

const tooLong = (position: number, bitCount: number): never => {
  throw new KafkaBackupError('KB_BATCH_CORRUPT', `varint at byte ${position} is longer than ${bitCount} bits`)
}

/**
 * Reads an unsigned 32-bit varint (base 128, low group first). Padding with zero groups inside the five bytes
 * is accepted, because Kafka's own reader accepts it; a sixth byte or a bit above the 32nd is refused.
 * @throws KB_BATCH_CORRUPT when cut off or over-long.
 */
export function readUnsignedVarint(source: VarintSource): number {
  const { bytes, position: begin, end } = source
  let position = begin
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    if (position >= end) truncated(begin)
    const byte = bytes[position++]!
    if (shift === 28 && byte > 0x0f) tooLong(begin, 32)
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) break
  }
  source.position = position
  return value >>> 0
}

/** Reads a signed (zigzag) 32-bit varint. @throws KB_BATCH_CORRUPT when cut off or over-long. */
export function readVarint(source: VarintSource): number {
  const value = readUnsignedVarint(source)
  return (value >>> 1) ^ -(value & 1)
}

/** Reads a signed (zigzag) 64-bit varlong. @throws KB_BATCH_CORRUPT when cut off or over-long. */
export function readVarlong(source: VarintSource): bigint {
  const short = readShortVarlong(source)
  if (!Number.isNaN(short)) return BigInt(short)
  const { bytes, position: begin, end } = source
  let position = begin
  let value = 0n
  for (let index = 0; index < VARLONG_MAX_BYTES; index++) {
    if (position >= end) truncated(begin)
    const byte = bytes[position++]!
    if (index === VARLONG_MAX_BYTES - 1 && byte > 0x01) tooLong(begin, 64)
    value |= BigInt(byte & 0x7f) << BigInt(7 * index)
    if (byte < 0x80) break
  }
  source.position = position
  return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
}

/**
 * Reads a varlong as an exact number, without the allocation of a bigint. NaN, and the position unmoved, when it
 * takes more than seven bytes: read it with {@link readVarlong} then. @throws KB_BATCH_CORRUPT when cut off.
 */
export function readShortVarlong(source: VarintSource): number {
  const { bytes, position: begin, end } = source
  let position = begin
  let value = 0
  let scale = 1
  for (let index = 0; index < EXACT_VARLONG_BYTES; index++) {
    if (position >= end) truncated(begin)
    const byte = bytes[position++]!
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      source.position = position
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    scale *= 128
  }
  return Number.NaN
}

/** Bytes that `value` (0 to 2^32 - 1) takes as an unsigned varint. */
export function unsignedVarintByteLength(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x200000) return 3
  return value < 0x10000000 ? 4 : 5
}

/** Bytes that `value` (a signed 32-bit number) takes as a zigzag varint. */
export function varintByteLength(value: number): number {
  return unsignedVarintByteLength(((value << 1) ^ (value >> 31)) >>> 0)
}

/** Bytes that `value` (a signed 64-bit number) takes as a zigzag varlong. */
export function varlongByteLength(value: bigint): number {
  if (fitsVarint(value)) return varintByteLength(Number(value))
  let rest = zigzag64(value)
  let length = 1
  while (rest >= 0x80n) {
    rest >>= 7n
    length++
  }
  return length
}

/** Writes `value` (0 to 2^32 - 1) at `position`; the caller has made room. Returns the next position. */
export function writeUnsignedVarint(target: Uint8Array, position: number, value: number): number {
  let next = position
  let rest = value
  while (rest >= 0x80) {
    target[next++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  target[next++] = rest
  return next
}

/** Writes `value` (signed 32 bits) as a zigzag varint; the caller has made room. Returns the next position. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  return writeUnsignedVarint(target, position, ((value << 1) ^ (value >> 31)) >>> 0)
}

/** Writes `value` (signed 64 bits) as a zigzag varlong; the caller has made room. Returns the next position. */
export function writeVarlong(target: Uint8Array, position: number, value: bigint): number {
  if (fitsVarint(value)) return writeVarint(target, position, Number(value))
  let next = position
  let rest = zigzag64(value)
  while (rest >= 0x80n) {
    target[next++] = Number(rest & 0x7fn) | 0x80
    rest >>= 7n
  }
  target[next++] = Number(rest)
  return next
}

function zigzag64(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
}

function fitsVarint(value: bigint): boolean {
  return value >= -0x80000000n && value <= 0x7fffffffn
}
