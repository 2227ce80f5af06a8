import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { decompressBody } from '../protocol/batch-compression.ts'
import { minEffectiveTimestamp } from '../protocol/effective-timestamp.ts'
import { assertBatch, BatchCursor } from '../protocol/record-batch.ts'
import type { BatchStatistics } from './segment-index.ts'

const NOTHING = Buffer.alloc(0)

/** True when there are records whose smallest timestamp is not known. */
export function hasUnknownMinimum({
  minTimestampMs,
  records,
  abortedRecords,
}: Pick<BatchStatistics, 'minTimestampMs' | 'records' | 'abortedRecords'>): boolean {
  return minTimestampMs === null && records + abortedRecords > 0
}

/**
 * Smallest effective timestamp of the data batches of a frame in milliseconds, control batches left out; null when they hold no
 * record. `batches` are whole batches whose checksums were verified before. Decompresses one batch after the other, each to
 * `batchMaxRawBytes` at most.
 * @throws KB_LIMIT_EXCEEDED above that, KB_BATCH_CORRUPT, KB_FORMAT_UNSUPPORTED
 */
export function minTimestampOfFrame(batches: Buffer, batchMaxRawBytes: number): bigint | null {
  let minTimestampMs: bigint | null = null
  const cursor = new BatchCursor(batches)
  while (cursor.next()) {
    assertBatch(cursor)
    if (cursor.isControl) continue
    const minMs = minEffectiveTimestamp(cursor, bodyOf(cursor, batchMaxRawBytes))
    if (minMs !== null && (minTimestampMs === null || minMs < minTimestampMs)) minTimestampMs = minMs
  }
  if (cursor.partialBytes === 0) return minTimestampMs
  throw new KafkaBackupError('KB_BATCH_CORRUPT', `${cursor.partialBytes} bytes behind the last batch`)
}

/** The same; null for what cannot be read: a wrong guess would hide records from a restore. */
export function minimumOrNull(batches: Buffer, batchMaxRawBytes: number): bigint | null {
  try {
    return minTimestampOfFrame(batches, batchMaxRawBytes)
  } catch {
    return null
  }
}

function bodyOf(cursor: BatchCursor, batchMaxRawBytes: number): Buffer {
  const isNeeded = cursor.messageSet === null && !cursor.isLogAppendTime && cursor.recordCount > 0
  return isNeeded ? decompressBody(cursor.codec, cursor.body, batchMaxRawBytes) : NOTHING
}
