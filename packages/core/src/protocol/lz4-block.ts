import { KafkaBackupError } from '../errors/kafka-backup-error.ts'

/*
 * LZ4 block (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md): sequences of
 *   token (high four bits: literal count, low four: match length - 4), more literal count bytes when it is 15,
 *   literals, offset (16 bits, little-endian), more match length bytes when it is 15.
 * The last sequence ends after its literals.
 */

const MATCH_MIN_BYTES = 4

/** Below this many bytes a loop is quicker than a call into the engine's memory copy. */
const LOOP_COPY_MAX_BYTES = 32

/**
 * Length in bytes that the block in `source` from `begin` to `end` decodes to, found by walking its sequences
 * without decoding: a bomb is refused before a byte is allocated for it, and the output is allocated once.
 * @throws KB_BATCH_CORRUPT when a sequence leaves the block.
 */
export function measureLz4Block(source: Uint8Array, begin: number, end: number): number {
  let position = begin
  let length = 0
  while (position < end) {
    const token = source[position++]!
    let literalCount = token >>> 4
    if (literalCount === 15) {
      let more: number
      do {
        if (position >= end) throw corruptBlock(begin)
        more = source[position++]!
        literalCount += more
      } while (more === 255)
    }
    position += literalCount
    length += literalCount
    if (position === end) return length
    position += 2
    if (position > end) throw corruptBlock(begin)
    let matchLength = token & 15
    if (matchLength === 15) {
      let more: number
      do {
        if (position >= end) throw corruptBlock(begin)
        more = source[position++]!
        matchLength += more
      } while (more === 255)
    }
    length += matchLength + MATCH_MIN_BYTES
  }
  throw corruptBlock(begin)
}

/**
 * Decodes the block in `source` from `begin` to `end`, which {@link measureLz4Block} has accepted, into `target`
 * at `targetBegin`; there is room for the measured length. Matches may reach back to `historyBegin` in `target`.
 * Returns the position after the last byte written.
 * @throws KB_BATCH_CORRUPT when a match reaches before `historyBegin`.
 */
export function decodeLz4Block(
  source: Uint8Array,
  begin: number,
  end: number,
  target: Uint8Array,
  targetBegin: number,
  historyBegin: number,
): number {
  let position = begin
  let write = targetBegin
  for (;;) {
    const token = source[position++]!
    let literalCount = token >>> 4
    if (literalCount === 15) {
      let more: number
      do {
        more = source[position++]!
        literalCount += more
      } while (more === 255)
    }
    if (literalCount > LOOP_COPY_MAX_BYTES) {
      target.set(source.subarray(position, position + literalCount), write)
      position += literalCount
      write += literalCount
    } else {
      for (const stop = position + literalCount; position < stop; ) target[write++] = source[position++]!
    }
    if (position >= end) return write
    const offset = source[position]! | (source[position + 1]! << 8)
    position += 2
    let read = write - offset
    if (offset === 0 || read < historyBegin) throw corruptBlock(begin)
    let matchLength = token & 15
    if (matchLength === 15) {
      let more: number
      do {
        more = source[position++]!
        matchLength += more
      } while (more === 255)
    }
    matchLength += MATCH_MIN_BYTES
    if (matchLength > LOOP_COPY_MAX_BYTES && offset >= matchLength) {
      target.copyWithin(write, read, read + matchLength)
      write += matchLength
    } else {
      for (const stop = write + matchLength; write < stop; ) target[write++] = target[read++]!
    }
  }
}

function corruptBlock(begin: number): KafkaBackupError {
  return new KafkaBackupError('KB_BATCH_CORRUPT', `LZ4 block at byte ${begin} is malformed`)
}
