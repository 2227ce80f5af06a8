import { crc32 } from 'node:zlib'

/*
 * One entry of a message set, formats v0 and v1 (v1: KIP-31 and KIP-32). All numbers are big-endian.
 *
 *  offset size field        meaning
 *       0    8 offset       of the record; of a wrapper, that of the last record in it
 *       8    4 size         bytes after this field
 *      12    4 crc          CRC-32 (IEEE) of everything from byte 16 to the end
 *      16    1 magic        0 or 1
 *      17    1 attributes   bits 0-2 codec, 3 timestamp type (v1; 1: log append time)
 *      18  0,8 timestamp    v1 only, milliseconds; -1 for none
 *       .    . key          int32 length, -1 for null, and bytes
 *       .    . value        likewise
 */

const FIELD = { size: 8, crc: 12, magic: 16, attributes: 17, timestamp: 18 } as const

const SIZE_OVERHEAD_BYTES: number = FIELD.crc
const CODEC_MASK = 0x07
const APPEND_TIME_BIT = 0x08

/** Length of the smallest message by magic: key and value are absent. */
export const MESSAGE_MIN_BYTES: readonly number[] = [26, 34]

/** One message. Byte strings are views. */
export interface Message {
  readonly magic: number
  readonly offset: bigint
  /** 0 to 7. */
  readonly codecId: number
  /** False in v0. */
  readonly isLogAppendTime: boolean
  /** Milliseconds; -1 for none, and always in v0. */
  readonly timestamp: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Where it ends in the buffer (exclusive). */
  readonly endPosition: number
}

/** The checksum that the message at `position` carries, unsigned. */
export function messageCrc(bytes: Buffer, position: number): number {
  return bytes.readUInt32BE(position + FIELD.crc)
}

/** True when the CRC-32 of the message from `position` to `end` is right. */
export function hasValidMessageCrc(bytes: Buffer, position: number, end: number): boolean {
  return crc32(bytes.subarray(position + FIELD.magic, end)) === messageCrc(bytes, position)
}

/** Codec and timestamp type, at the places where a record batch has them; what has no meaning is left out. */
export function messageAttributes(bytes: Buffer, position: number): number {
  const mask = bytes[position + FIELD.magic] === 0 ? CODEC_MASK : CODEC_MASK | APPEND_TIME_BIT
  return bytes[position + FIELD.attributes]! & mask
}

/**
 * The message at `position`, which may use the bytes up to `end`; its CRC is not looked at. `fail` throws for whatever
 * cannot be.
 */
export function parseMessage(
  bytes: Buffer,
  position: number,
  end: number,
  fail: (what: string) => never,
): Message {
  if (end - position < MESSAGE_MIN_BYTES[0]!) fail(`${end - position} bytes behind the last message`)
  const endPosition = position + SIZE_OVERHEAD_BYTES + bytes.readInt32BE(position + FIELD.size)
  const magic = bytes[position + FIELD.magic]!
  const minBytes = MESSAGE_MIN_BYTES[magic] ?? fail(`magic ${magic} inside a message set`)
  if (endPosition - position < minBytes || endPosition > end) {
    fail(`message of ${endPosition - position} bytes where ${end - position} are left`)
  }
  const attributes = messageAttributes(bytes, position)
  const keyBegin = position + FIELD.timestamp + (magic === 0 ? 0 : 8)
  const keyEnd = byteStringEnd(bytes, keyBegin, endPosition, fail)
  if (byteStringEnd(bytes, keyEnd, endPosition, fail) !== endPosition) {
    fail('key and value do not fill their message')
  }
  return {
    magic,
    offset: bytes.readBigInt64BE(position),
    codecId: attributes & CODEC_MASK,
    isLogAppendTime: (attributes & APPEND_TIME_BIT) !== 0,
    timestamp: magic === 0 ? -1n : bytes.readBigInt64BE(position + FIELD.timestamp),
    key: byteString(bytes, keyBegin, keyEnd),
    value: byteString(bytes, keyEnd, endPosition),
    endPosition,
  }
}

function byteStringEnd(bytes: Buffer, begin: number, end: number, fail: (what: string) => never): number {
  if (end - begin < 4) fail('key and value leave their message')
  const byteLength = bytes.readInt32BE(begin)
  if (byteLength < -1 || byteLength > end - begin - 4) fail(`key or value of ${byteLength} bytes`)
  return begin + 4 + Math.max(0, byteLength)
}

/** The byte string whose length stands at `begin`, known to end at `end`. */
function byteString(bytes: Buffer, begin: number, end: number): Buffer | null {
  return bytes.readInt32BE(begin) === -1 ? null : bytes.subarray(begin + 4, end)
}
