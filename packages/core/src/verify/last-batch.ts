import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { SegmentPart } from '../format/segment-record.ts'
import { BatchCursor } from '../protocol/record-batch.ts'

/**
 * The next run recognises the log by the batch that a part ends with: it must be the one that the part's last frame ends
 * with. `batches` are those of that frame. @throws KB_SEGMENT_CORRUPT
 */
export function assertLastBatch(part: SegmentPart, batches: Buffer): void {
  if (!part.lastBatch) return
  const cursor = new BatchCursor(batches)
  let found = 'no batch'
  while (cursor.next()) found = describe(cursor.baseOffset, cursor.crc)
  const recorded = describe(part.lastBatch.baseOffset, part.lastBatch.crc)
  if (found === recorded) return
  throw new KafkaBackupError('KB_SEGMENT_CORRUPT', `it ends with ${found}, its commit says ${recorded}`)
}

function describe(baseOffset: bigint, crc: number): string {
  return `the batch at offset ${baseOffset} with CRC ${crc.toString(16).padStart(8, '0')}`
}
