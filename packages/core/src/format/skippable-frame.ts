import { KafkaBackupError } from '../errors/kafka-backup-error.ts'

/** Magic numbers of our skippable frames (Zstandard and LZ4 share the range 0x184D2A50..5F). */
export const HEADER_MAGIC = 0x184d2a50
export const INDEX_MAGIC = 0x184d2a51
export const SEEK_TABLE_MAGIC = 0x184d2a5e
/** Frame at the end of a snapshot object: SHA-256 of what stands before it. */
export const SNAPSHOT_DIGEST_MAGIC = 0x184d2a52

/** Bytes before the content: magic number and length. */
export const SKIPPABLE_OVERHEAD_BYTES = 8

/** One skippable frame around `content`. */
export function encodeSkippable(magic: number, content: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(SKIPPABLE_OVERHEAD_BYTES + content.length)
  frame.writeUInt32LE(magic, 0)
  frame.writeUInt32LE(content.length, 4)
  frame.set(content, SKIPPABLE_OVERHEAD_BYTES)
  return frame
}

/** The content of a skippable frame that fills `frame` exactly. @throws KB_SEGMENT_CORRUPT */
export function decodeSkippable(magic: number, frame: Buffer): Buffer {
  if (frame.length < SKIPPABLE_OVERHEAD_BYTES || frame.readUInt32LE(0) !== magic) {
    throw new KafkaBackupError('KB_SEGMENT_CORRUPT', 'the magic number of a skippable frame differs')
  }
  if (frame.readUInt32LE(4) !== frame.length - SKIPPABLE_OVERHEAD_BYTES) {
    throw new KafkaBackupError('KB_SEGMENT_CORRUPT', 'the length of a skippable frame differs')
  }
  return frame.subarray(SKIPPABLE_OVERHEAD_BYTES)
}
