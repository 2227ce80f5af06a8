import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import {
  decodeSkippable,
  encodeSkippable,
  SEEK_TABLE_MAGIC,
  SKIPPABLE_OVERHEAD_BYTES,
} from './skippable-frame.ts'

const SEEKABLE_MAGIC = 0x8f92eab1
const ENTRY_BYTES = 8

/** Bytes at the very end of a segment from which the length of the seek table follows. */
export const SEEK_TABLE_FOOTER_BYTES = 9

/** Sizes of one frame; `rawBytes` is 0 for skippable frames. */
export interface SeekEntry {
  readonly bytes: number
  readonly rawBytes: number
}

/** The whole seek table frame (Zstandard seekable format 0.1.0, without checksums). */
export function encodeSeekTable(entries: readonly SeekEntry[]): Buffer {
  const content = Buffer.allocUnsafe(entries.length * ENTRY_BYTES + SEEK_TABLE_FOOTER_BYTES)
  entries.forEach((entry, at) => {
    content.writeUInt32LE(entry.bytes, at * ENTRY_BYTES)
    content.writeUInt32LE(entry.rawBytes, at * ENTRY_BYTES + 4)
  })
  content.writeUInt32LE(entries.length, content.length - 9)
  content[content.length - 5] = 0
  content.writeUInt32LE(SEEKABLE_MAGIC, content.length - 4)
  return encodeSkippable(SEEK_TABLE_MAGIC, content)
}

/** Length of the whole seek table frame with `frameCount` entries. */
export function seekTableBytes(frameCount: number): number {
  return SKIPPABLE_OVERHEAD_BYTES + frameCount * ENTRY_BYTES + SEEK_TABLE_FOOTER_BYTES
}

/** Number of frames, from the last {@link SEEK_TABLE_FOOTER_BYTES} bytes of a segment. @throws KB_SEGMENT_CORRUPT */
export function decodeSeekTableFooter(footer: Buffer): number {
  if (
    footer.length !== SEEK_TABLE_FOOTER_BYTES ||
    footer.readUInt32LE(5) !== SEEKABLE_MAGIC ||
    footer[4] !== 0
  ) {
    throw new KafkaBackupError('KB_SEGMENT_CORRUPT', 'the segment does not end with a seek table')
  }
  return footer.readUInt32LE(0)
}

/** The entries of a whole seek table frame. @throws KB_SEGMENT_CORRUPT */
export function decodeSeekTable(frame: Buffer): SeekEntry[] {
  const content = decodeSkippable(SEEK_TABLE_MAGIC, frame)
  const frameCount = decodeSeekTableFooter(content.subarray(-SEEK_TABLE_FOOTER_BYTES))
  if (seekTableBytes(frameCount) !== frame.length) {
    throw new KafkaBackupError(
      'KB_SEGMENT_CORRUPT',
      'the length of the seek table differs from its number of frames',
    )
  }
  return Array.from({ length: frameCount }, (_, at) => ({
    bytes: content.readUInt32LE(at * ENTRY_BYTES),
    rawBytes: content.readUInt32LE(at * ENTRY_BYTES + 4),
  }))
}
