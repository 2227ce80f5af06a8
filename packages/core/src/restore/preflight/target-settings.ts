import type { HeldSetting } from '../../format/restore-ledger.ts'
import type { RestorePlan, TopicRestorePlan } from '../restore-plan.ts'
import { type Refusal, unsuitable } from './refusal.ts'

/** Settings of a topic that bear on what it takes and keeps. */
export const TARGET_SETTINGS = [
  'message.timestamp.type',
  'max.message.bytes',
  'segment.bytes',
  'compression.type',
  'retention.ms',
  'retention.bytes',
  'message.timestamp.before.max.ms',
  'message.timestamp.after.max.ms',
  'message.timestamp.difference.max.ms',
  'cleanup.policy',
  'min.insync.replicas',
] as const

type Values = ReadonlyMap<string, string>

const NO_LIMIT = '9223372036854775807'
const HOLD_RETENTION =
  'To keep the records until you decide, and put the setting back when the restore is done: --hold-retention.'

/** Times that the topic would not take, or would change. */
export function refuseTimes(topic: TopicRestorePlan, values: Values, nowMs: number): Refusal[] {
  const refusals: Refusal[] = []
  const refuse = (message: string): void => void refusals.push(unsuitable(topic, message))
  const limitOf = (name: string): bigint => BigInt(values.get(name) ?? NO_LIMIT)
  const now = BigInt(nowMs)
  const { minTimestampMs, isMinExact, maxTimestampMs } = topic
  if (values.get('message.timestamp.type') === 'LogAppendTime')
    refuse('has message.timestamp.type=LogAppendTime and would overwrite every timestamp')
  for (const name of ['message.timestamp.after.max.ms', 'message.timestamp.difference.max.ms']) {
    if (maxTimestampMs > now && maxTimestampMs - now > limitOf(name))
      refuse(`has ${name}=${limitOf(name)} and would refuse records from the future`)
  }
  for (const name of ['message.timestamp.before.max.ms', 'message.timestamp.difference.max.ms']) {
    const limit = limitOf(name)
    if (limit === BigInt(NO_LIMIT) || maxTimestampMs < 0n) continue
    // The oldest record of a backup is not always known; then the limit is in the way until it is.
    if (minTimestampMs !== null && now - minTimestampMs <= limit) continue
    refuse(
      isMinExact
        ? `has ${name}=${limit} and would refuse records that are older`
        : `has ${name}=${limit}, and the age of the oldest record is not known`,
    )
  }
  return refusals
}

/** What the topic would delete again at once, and what to hold so that it does not. */
export function retentionTrouble(
  plan: RestorePlan,
  topic: TopicRestorePlan,
  values: Values,
  options: { readonly nowMs: number; readonly isHolding: boolean; readonly overrides: Values },
): { readonly refusals: Refusal[]; readonly held: HeldSetting[] } {
  const isDeleting = (values.get('cleanup.policy') ?? 'delete').includes('delete')
  if (!isDeleting) return { refusals: [], held: [] }
  const troubles = [...tooOld(topic, values, options.nowMs), ...tooLarge(plan, topic, values)]
  if (options.isHolding) {
    return { refusals: [], held: troubles.map(({ name }) => holdOf(topic, name, options.overrides)) }
  }
  return { refusals: troubles.map(({ message }) => unsuitable(topic, message, HOLD_RETENTION)), held: [] }
}

/**
 * From when on records are kept, where the commits do not know whether all of them are from then on; null: they do, or all are kept.
 * Milliseconds.
 */
export function undecidedAgeMs(topic: TopicRestorePlan, values: Values, nowMs: number): bigint | null {
  const retentionMs = BigInt(values.get('retention.ms') ?? '-1')
  const isDeleting = (values.get('cleanup.policy') ?? 'delete').includes('delete')
  const keptFromMs = BigInt(nowMs) - retentionMs
  const { minTimestampMs, isMinExact, maxTimestampMs } = topic
  const isKnown = isMinExact || (minTimestampMs !== null && minTimestampMs >= keptFromMs)
  return !isDeleting || retentionMs < 0n || isKnown || maxTimestampMs < 0n ? null : keptFromMs
}

/** The setting to hold, or the refusal, for records of which one batch was found to be too old. */
export function ageTrouble(
  topic: TopicRestorePlan,
  values: Values,
  options: { readonly isHolding: boolean; readonly overrides: Values },
): { readonly refusals: Refusal[]; readonly held: HeldSetting[] } {
  const name = 'retention.ms'
  if (options.isHolding) return { refusals: [], held: [holdOf(topic, name, options.overrides)] }
  return { refusals: [unsuitable(topic, tooOldMessage(values), HOLD_RETENTION)], held: [] }
}

/** The same for a topic that may delete by size. */
export function bytesTrouble(
  topic: TopicRestorePlan,
  message: string,
  options: { readonly isHolding: boolean; readonly overrides: Values },
): { readonly refusals: Refusal[]; readonly held: HeldSetting[] } {
  if (options.isHolding) return { refusals: [], held: [holdOf(topic, 'retention.bytes', options.overrides)] }
  return { refusals: [unsuitable(topic, message, HOLD_RETENTION)], held: [] }
}

function holdOf(topic: TopicRestorePlan, name: string, overrides: Values): HeldSetting {
  return { topic: topic.targetTopic, name, held: '-1', original: overrides.get(name) ?? null }
}

function tooOldMessage(values: Values): string {
  return `has retention.ms=${values.get('retention.ms')} and would delete restored records as soon as they are there`
}

function tooOld(topic: TopicRestorePlan, values: Values, nowMs: number) {
  const retentionMs = BigInt(values.get('retention.ms') ?? '-1')
  const oldest = (topic.isMinExact ? topic.minTimestampMs : null) ?? topic.maxTimestampMs
  if (retentionMs < 0n || oldest < 0n || oldest >= BigInt(nowMs) - retentionMs) return []
  return [{ name: 'retention.ms', message: tooOldMessage(values) }]
}

function tooLarge(plan: RestorePlan, topic: TopicRestorePlan, values: Values) {
  const retentionBytes = Number(values.get('retention.bytes') ?? '-1')
  if (retentionBytes < 0) return []
  const sizes = Map.groupBy(
    plan.partitions.filter((entry) => entry.targetTopic === topic.targetTopic),
    (entry) => entry.targetPartition,
  )
  const largest = Math.max(
    0,
    ...[...sizes.values()].map((own) => own.reduce((sum, { rawBytes }) => sum + rawBytes, 0)),
  )
  if (largest <= retentionBytes) return []
  const message = `has retention.bytes=${retentionBytes} and would delete restored records: a partition has up to ${largest} bytes`
  return [{ name: 'retention.bytes', message }]
}
