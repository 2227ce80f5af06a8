import type { Codec } from '../protocol/codec.ts'
import type { KafkaRecord } from '../protocol/record.ts'
import { buildBatch } from '../protocol/record-batch-builder.ts'

/**
 * A batch of `codec` with consecutive offsets. Brokers refuse batches whose record count and offsets differ (error
 * 87, tried), so what compaction thinned out is closed up; the records themselves stay as they are. Records of a
 * LogAppendTime batch get the time that every consumer of the source saw. Of message sets, which brokers no longer take, the
 * records become such a batch too.
 */
export function reencodeBatch(codec: Codec, records: readonly KafkaRecord[]): Buffer {
  return buildBatch({ baseOffset: 0n, records, codec })
}
