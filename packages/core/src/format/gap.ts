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
  readonly reason: GapReason
  /** The damaged batch, kept as the source sent it; there when the reason is `damaged_in_log`, and only then. */
  readonly quarantine?: QuarantinedBatch | undefined
}

/** Why offsets cannot be read any more. */
export type GapReason = (typeof GAP_REASONS)[number]

const GAP_REASONS = ['deleted_before_read', 'missing_in_log', 'damaged_in_log'] as const

/** Where the bytes of a batch lie that could not be taken, and what is wrong with them. */
export interface QuarantinedBatch {
  readonly key: string
  /** For people. */
  readonly detail: string
}

/** Schema of an entry of `gaps`. */
export const gapSchema = z
  .object({
    topic: topicName,
    partition,
    lineage,
    first_offset: offsetString,
    end_offset: offsetString,
    reason: z.enum(GAP_REASONS),
    quarantine: z.object({ key: z.string(), detail: z.string() }).optional(),
  })
  .refine(
    ({ reason, quarantine }) => (reason === 'damaged_in_log') === (quarantine !== undefined),
    'what is damaged in the log, and nothing else, has a batch in quarantine',
  )
  .transform(
    (gap): GapRecord => ({
      topic: gap.topic,
      partition: gap.partition,
      lineage: gap.lineage,
      firstOffset: gap.first_offset,
      endOffset: gap.end_offset,
      reason: gap.reason,
      ...(gap.quarantine === undefined ? {} : { quarantine: gap.quarantine }),
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
    quarantine: gap.quarantine ? { ...gap.quarantine } : undefined,
  }
}
