import type { CapturedTopic, TopicsDocument } from '../../format/topics-document.ts'
import type { TopicRestorePlan } from '../restore-plan.ts'

/** What is not, or not as the source had it. */
export interface SettingNote {
  /** Of the target. */
  readonly topic: string
  /** A setting, or `replication.factor`. */
  readonly name: string
  /** What the source had. */
  readonly captured: string
  /** What the topic has or gets instead; null: nothing of its own. */
  readonly value: string | null
  /** `left_out`: not given to a topic that is created; `changed`: given otherwise; `differs`: an existing topic has it otherwise. */
  readonly kind: 'left_out' | 'changed' | 'differs'
  /** A sentence without its end, or null where `kind` says all. */
  readonly reason: string | null
}

/** A topic of the target as its source was. */
export interface WantedTopic {
  /** Settings that stood at the source topic itself. */
  readonly overrides: ReadonlyMap<string, string>
  readonly replicationFactor: number
  /** Why the settings were not captured; null: they were. */
  readonly unread: string | null
}

export const REPLICATION_FACTOR = 'replication.factor'
export const CLEANUP_POLICY = 'cleanup.policy'
export const RETENTION_MS = 'retention.ms'
const NO_LIMIT = '9223372036854775807'

/** They name brokers of the source, which throttle the move of a partition there. */
const NEVER: ReadonlySet<string> = new Set([
  'leader.replication.throttled.replicas',
  'follower.replication.throttled.replicas',
])

/** What a topic has while records are written to it, so that it takes them all as they are, and keeps them. */
const HELD_VALUES: ReadonlyMap<string, string> = new Map([
  [RETENTION_MS, '-1'],
  ['retention.bytes', '-1'],
  ['message.timestamp.type', 'CreateTime'],
  ['message.timestamp.before.max.ms', NO_LIMIT],
  ['message.timestamp.after.max.ms', NO_LIMIT],
  ['message.timestamp.difference.max.ms', NO_LIMIT],
])

/** Of several sources the first counts. undefined: nothing was captured of it. */
export function wantedTopic(
  { sourceTopic }: TopicRestorePlan,
  captured: TopicsDocument | null,
): WantedTopic | undefined {
  const found = captured?.topics.find(({ name }) => name === sourceTopic)
  if (!found) return undefined
  const { replicationFactor, settings, unread } = found
  return { replicationFactor, overrides: overridesOf(found), unread: settings ? null : unread }
}

function overridesOf({ settings }: CapturedTopic): Map<string, string> {
  const own = (settings ?? []).filter(({ source, name }) => source === 'topic' && !NEVER.has(name))
  return new Map(own.flatMap(({ name, value }) => (value === null ? [] : [[name, value] as const])))
}

/** The value that stands in for another one while records are written; null: the setting is not in the way. */
export function heldInstead(name: string, value: string): string | null {
  const held =
    name === CLEANUP_POLICY && value.includes('compact') ? 'delete' : (HELD_VALUES.get(name) ?? null)
  return held === value ? null : held
}

/** Every record would be deleted as soon as the setting is back: nobody restores for that, unless they say so. */
export function wouldDeleteAll(
  { maxTimestampMs }: Pick<TopicRestorePlan, 'maxTimestampMs'>,
  retentionMs: string,
  { cleanupPolicy, nowMs }: { readonly cleanupPolicy: string | undefined; readonly nowMs: number },
): boolean {
  const isDeleting = (cleanupPolicy ?? 'delete').includes('delete')
  const limitMs = BigInt(retentionMs)
  return isDeleting && limitMs >= 0n && maxTimestampMs >= 0n && maxTimestampMs < BigInt(nowMs) - limitMs
}

export const DELETES_ALL =
  'every record is older and would be deleted at once; with --hold-retention it is set when the restore is done all the same'
