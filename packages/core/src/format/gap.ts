import { z } from 'zod'
import { lineage, offsetString, partition, topicName } from './document-fields.ts'

/** Offsets [firstOffset, endOffset) of one history that cannot be read any more. */
export interface GapRecord {
  readonly topic: string
  readonly partition: number
  /** Number of the history; the first is 1. */
  readonly lineage: number
  readonly firstOffset: bigint
  readonly endOffset: bigint
  readonly reason: 'deleted_before_read' | 'missing_in_log'
}

/** Schema of an entry of `gaps`. */
export const gapSchema = z
  .object({
    topic: topicName,
    partition,
    lineage,
    first_offset: offsetString,
    end_offset: offsetString,
    reason: z.enum(['deleted_before_read', 'missing_in_log']),
  })
  .transform(
    (gap): GapRecord => ({
      topic: gap.topic,
      partition: gap.partition,
      lineage: gap.lineage,
      firstOffset: gap.first_offset,
      endOffset: gap.end_offset,
      reason: gap.reason,
    }),
  )

/** A gap as it stands in documents. */
export function gapDocument(gap: GapRecord) {
  return {
    topic: gap.topic,
    partition: gap.partition,
    lineage: gap.lineage === 1 ? undefined : gap.lineage,
    first_offset: gap.firstOffset.toString(),
    end_offset: gap.endOffset.toString(),
    reason: gap.reason,
  }
}
