import { z } from 'zod'
import { listOf } from './checked-list.ts'
import { decimalString, offsetString, partition, topicName } from './document-fields.ts'

/** How a run stood when it made a commit. */
export type RunOutcome = 'running' | 'complete' | 'incomplete' | 'interrupted' | 'failed'

/** Up to where a run reads, and what it leaves out: see docs/format/commit.md. */
export type IsolationLevel = 'read_committed' | 'read_uncommitted'

/**
 * Why a run did not get what it wanted; `log_truncated`: the log ends below its target now; `damaged_in_log`: a batch is damaged, and
 * nothing says where it ends.
 */
export type UnreadReason = (typeof UNREAD_REASONS)[number]

const UNREAD_REASONS = [
  'open_transaction',
  'topic_deleted',
  'access_denied',
  'no_leader',
  'log_truncated',
  'damaged_in_log',
] as const

/** Offsets [firstOffset, endOffset) that a run wanted and did not get; a later one may. `detail` is for people. */
export interface UnreadRecord {
  readonly topic: string
  readonly partition: number
  readonly firstOffset: bigint
  readonly endOffset: bigint
  readonly reason: UnreadReason
  readonly detail: string
}

/**
 * The run that made a commit. `targetAtMs`: moment of the snapshot target, the recovery point of a complete run; of a continuous one, its recovery
 * point with this commit, 0 when there is none yet.
 */
export interface RunRecord {
  readonly id: string
  readonly beganAtMs: bigint
  readonly targetAtMs: bigint
  readonly outcome: RunOutcome
  readonly isolation: IsolationLevel
  /** As far as the run knew when it made the commit. */
  readonly unread: readonly UnreadRecord[]
  /** The run has no end of its own. */
  readonly isContinuous?: true
}

/**
 * True when a run got all that it wanted. A continuous one is stopped sooner or later: it has everything up to its recovery point, if it has
 * one and nothing is unread.
 */
export function hasEverything({ outcome, isContinuous, targetAtMs, unread }: RunRecord): boolean {
  if (outcome === 'complete') return true
  return isContinuous === true && outcome === 'interrupted' && targetAtMs > 0n && unread.length === 0
}

const unreadSchema = z
  .object({
    topic: topicName,
    partition,
    first_offset: offsetString,
    end_offset: offsetString,
    reason: z.enum(UNREAD_REASONS),
    detail: z.string(),
  })
  .refine((entry) => entry.end_offset >= entry.first_offset, 'offsets out of order')
  .transform(
    (entry): UnreadRecord => ({
      topic: entry.topic,
      partition: entry.partition,
      firstOffset: entry.first_offset,
      endOffset: entry.end_offset,
      reason: entry.reason,
      detail: entry.detail,
    }),
  )

/** Fields of `run` that commits and snapshots share. */
export const runFields = {
  id: z.string(),
  began_at: decimalString,
  target_at: decimalString,
  outcome: z.enum(['running', 'complete', 'incomplete', 'interrupted', 'failed']),
  isolation: z.enum(['read_committed', 'read_uncommitted']),
  unread: listOf(unreadSchema),
  continuous: z.literal(true).optional(),
}

const runObject = z.object(runFields)

/** A run from the fields that {@link runFields} checked. */
export function runRecordOf(fields: z.output<typeof runObject>): RunRecord {
  return {
    id: fields.id,
    beganAtMs: fields.began_at,
    targetAtMs: fields.target_at,
    outcome: fields.outcome,
    isolation: fields.isolation,
    unread: fields.unread,
    ...(fields.continuous ? { isContinuous: true as const } : {}),
  }
}

/** The same fields as they stand in documents. */
export function runDocument(run: RunRecord) {
  return {
    id: run.id,
    began_at: run.beganAtMs.toString(),
    target_at: run.targetAtMs.toString(),
    outcome: run.outcome,
    isolation: run.isolation,
    unread: run.unread.map((entry) => ({
      topic: entry.topic,
      partition: entry.partition,
      first_offset: entry.firstOffset.toString(),
      end_offset: entry.endOffset.toString(),
      reason: entry.reason,
      detail: entry.detail,
    })),
    ...(run.isContinuous ? { continuous: true } : {}),
  }
}
