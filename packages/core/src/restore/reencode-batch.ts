import type { KafkaRecord } from '../protocol/record.ts'
import type { BatchCursor } from '../protocol/record-batch.ts'
import { buildBatch } from '../protocol/record-batch-builder.ts'

/**
 * A batch of the same codec with consecutive offsets. Brokers refuse batches whose record count and offsets differ (error
 * 87, tried), so what compaction thinned out is closed up; the records themselves stay as they are. Records of a
 * LogAppendTime batch get the time that every consumer of the source saw.
 */
export function reencodeBatch(cursor: BatchCursor, records: readonly KafkaRecord[]): Buffer {
  return buildBatch({ baseOffset: 0n, records, codec: cursor.codec })
}
