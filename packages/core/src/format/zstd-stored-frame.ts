import { KafkaBackupError } from '../errors/kafka-backup-error.ts'

/** Zstandard's magic number (RFC 8878, 3.1.1). */
export const ZSTD_MAGIC = 0xfd2fb528

const BLOCK_MAX_BYTES = 128 * 1024
const FRAME_HEADER_BYTES = 13
// 8-byte content size, single segment, no checksum, no dictionary (RFC 8878, 3.1.1.1.1)
const STORED_DESCRIPTOR = 0xe0

/**
 * A valid Zstandard frame of raw blocks around `chunks`, without copying them: the result is a list of buffers of
 * which some are slices of the chunks.
 */
export function encodeStoredZstd(chunks: readonly Uint8Array[]): Uint8Array[] {
  const rawBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES)
  header.writeUInt32LE(ZSTD_MAGIC, 0)
  header[4] = STORED_DESCRIPTOR
  header.writeBigUInt64LE(BigInt(rawBytes), 5)
  const output: Uint8Array[] = [header]
  let remaining = rawBytes
  for (const chunk of chunks) {
    for (let begin = 0; begin < chunk.length; begin += BLOCK_MAX_BYTES) {
      const block = chunk.subarray(begin, Math.min(begin + BLOCK_MAX_BYTES, chunk.length))
      remaining -= block.length
      output.push(blockHeader(block.length, remaining === 0), block)
    }
  }
  if (rawBytes === 0) output.push(blockHeader(0, true))
  return output
}

/** True when the frame is one of ours from {@link encodeStoredZstd}. */
export function isStoredZstd(frame: Buffer): boolean {
  return (
    frame.length >= FRAME_HEADER_BYTES + 3 &&
    frame.readUInt32LE(0) === ZSTD_MAGIC &&
    frame[4] === STORED_DESCRIPTOR &&
    (frame.readUIntLE(FRAME_HEADER_BYTES, 3) & 0b110) === 0
  )
}

/** The content of a stored frame; faster than a general decoder, and bounded by `rawBytes`. @throws KB_SEGMENT_CORRUPT */
export function decodeStoredZstd(frame: Buffer, rawBytes: number): Buffer {
  if (frame.readBigUInt64LE(5) !== BigInt(rawBytes)) throw corrupt('the content size differs from the index')
  // Stored bytes are all in the frame: a small one that states much is refused before memory is taken for it.
  if (rawBytes > frame.length) throw corrupt('it is shorter than its content')
  const output = Buffer.allocUnsafeSlow(rawBytes)
  let from = FRAME_HEADER_BYTES
  let to = 0
  for (let isLast = false; !isLast; ) {
    if (from + 3 > frame.length) throw corrupt('a block header is cut off')
    const header = frame.readUIntLE(from, 3)
    const size = header >>> 3
    isLast = (header & 1) === 1
    from += 3
    if ((header & 0b110) !== 0 || from + size > frame.length || to + size > rawBytes)
      throw corrupt('a raw block is malformed')
    frame.copy(output, to, from, from + size)
    from += size
    to += size
  }
  if (from !== frame.length || to !== rawBytes) throw corrupt('the frame does not end where it should')
  return output
}

function blockHeader(size: number, isLast: boolean): Buffer {
  const header = Buffer.allocUnsafe(3)
  header.writeUIntLE((size << 3) | (isLast ? 1 : 0), 0, 3)
  return header
}

function corrupt(message: string): KafkaBackupError {
  return new KafkaBackupError('KB_SEGMENT_CORRUPT', `stored frame: ${message}`)
}
