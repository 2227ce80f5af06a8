import { z } from 'zod'
import { listOf } from './checked-list.ts'
import { laterLineage, offsetString, partition, topicId, topicName } from './document-fields.ts'

/** A partition whose source has another history now. Offsets: see docs/format/commit.md. */
export interface DivergenceRecord {
  readonly topic: string
  readonly partition: number
  /** Number of the history that begins here. */
  readonly lineage: number
  readonly reason: 'topic_recreated' | 'log_truncated' | 'log_replaced'
  /** Of the topic that has the new history. */
  readonly topicId: string | null
  /** First offset wanted of the new history. */
  readonly beginOffset: bigint
  /** Below it both histories are one; null: not known, or nothing is common. */
  readonly commonEndOffset: bigint | null
  /** Next offset of the history before. */
  readonly previousEndOffset: bigint
}

/** Fields of an entry of `divergences` that commits and snapshots share. */
export const divergenceFields = {
  topic: topicName,
  partition,
  lineage: laterLineage,
  reason: z.enum(['topic_recreated', 'log_truncated', 'log_replaced']),
  topic_id: topicId,
  begin_offset: offsetString,
  common_end_offset: offsetString.nullable(),
  previous_end_offset: offsetString,
}

const divergenceObject = z.object(divergenceFields)

/** A divergence from the fields that {@link divergenceFields} checked. */
export function divergenceOf(fields: z.output<typeof divergenceObject>): DivergenceRecord {
  return {
    topic: fields.topic,
    partition: fields.partition,
    lineage: fields.lineage,
    reason: fields.reason,
    topicId: fields.topic_id,
    beginOffset: fields.begin_offset,
    commonEndOffset: fields.common_end_offset,
    previousEndOffset: fields.previous_end_offset,
  }
}

/** Schema of `divergences` of a commit, which is left out when there is none. */
export const divergencesSchema = listOf(divergenceObject.transform(divergenceOf), 1)
  .optional()
  .transform((entries): readonly DivergenceRecord[] => entries ?? [])

/** A divergence as it stands in documents. */
export function divergenceDocument(entry: DivergenceRecord) {
  return {
    topic: entry.topic,
    partition: entry.partition,
    lineage: entry.lineage,
    reason: entry.reason,
    topic_id: entry.topicId,
    begin_offset: entry.beginOffset.toString(),
    common_end_offset: entry.commonEndOffset === null ? null : entry.commonEndOffset.toString(),
    previous_end_offset: entry.previousEndOffset.toString(),
  }
}
