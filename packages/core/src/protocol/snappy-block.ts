import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { readUnsignedVarint, type VarintSource } from './varint.ts'

/*
 * Snappy block (https://github.com/google/snappy/blob/main/format_description.txt): an unsigned varint with the
 * decoded length, then elements whose tag byte has their kind in its low two bits:
 *   00 literal; length - 1 in the upper six bits, 60 to 63: in the 1 to 4 bytes that follow
 *   01 copy; length - 4 in bits 2-4, offset in bits 5-7 (high) and one byte (low)
 *   10 copy; length - 1 in the upper six bits, offset in two bytes, little-endian
 *   11 copy; the same with four bytes
 */

/** The best that any element does: 64 bytes for the three of a copy. */
const RATIO_MAX = 22

/** Below this many bytes a loop is quicker than a call into the engine's memory copy. */
const LOOP_COPY_MAX_BYTES = 32

/**
 * Length in bytes that the block at `source.position` says it decodes to; moves the source to the first element.
 * A length that no block of this size can decode to is refused here, so memory stays in proportion to the input.
 * @throws KB_BATCH_CORRUPT
 */
export function readSnappyLength(source: VarintSource): number {
  const decodedBytes = readUnsignedVarint(source)
  if (decodedBytes > (source.end - source.position) * RATIO_MAX) throw corruptBlock(source.position)
  return decodedBytes
}

/**
 * Decodes the elements in `source` from `begin` to `end` into `target` from `targetBegin` to `targetEnd`, which
 * they must fill exactly.
 * @throws KB_BATCH_CORRUPT
 */
export function decodeSnappyElements(
  source: Uint8Array,
  begin: number,
  end: number,
  target: Uint8Array,
  targetBegin: number,
  targetEnd: number,
): void {
  let position = begin
  let write = targetBegin
  while (position < end) {
    const tag = source[position++]!
    let length: number
    let offset: number
    if ((tag & 3) === 0) {
      length = (tag >>> 2) + 1
      if (length > 60) {
        const sizeBytes = length - 60
        if (position + sizeBytes > end) throw corruptBlock(begin)
        length = littleEndian(source, position, sizeBytes) + 1
        position += sizeBytes
      }
      if (length > end - position || length > targetEnd - write) throw corruptBlock(begin)
      if (length > LOOP_COPY_MAX_BYTES) {
        target.set(source.subarray(position, position + length), write)
        position += length
        write += length
      } else {
        for (const stop = position + length; position < stop; ) target[write++] = source[position++]!
      }
      continue
    }
    if ((tag & 3) === 1) {
      if (position >= end) throw corruptBlock(begin)
      length = ((tag >>> 2) & 7) + 4
      offset = ((tag >>> 5) << 8) | source[position++]!
    } else {
      const offsetBytes = (tag & 3) === 2 ? 2 : 4
      if (position + offsetBytes > end) throw corruptBlock(begin)
      length = (tag >>> 2) + 1
      offset = littleEndian(source, position, offsetBytes)
      position += offsetBytes
    }
    let read = write - offset
    if (offset === 0 || read < targetBegin || length > targetEnd - write) throw corruptBlock(begin)
    for (const stop = write + length; write < stop; ) target[write++] = target[read++]!
  }
  if (write !== targetEnd) throw corruptBlock(begin)
}

function littleEndian(source: Uint8Array, position: number, byteCount: number): number {
  let value = source[position]!
  if (byteCount > 1) value |= source[position + 1]! << 8
  if (byteCount > 2) value |= source[position + 2]! << 16
  if (byteCount > 3) value += source[position + 3]! * 0x1000000
  return value
}

function corruptBlock(begin: number): KafkaBackupError {
  return new KafkaBackupError('KB_BATCH_CORRUPT', `Snappy block at byte ${begin} is malformed`)
}
