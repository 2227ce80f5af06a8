import type { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { HeldSetting } from '../../format/restore-ledger.ts'
import type { TopicsDocument } from '../../format/topics-document.ts'
import type { Cluster, NewTopic } from '../../kafka/cluster.ts'
import { addedHeaderMaxBytes } from '../offset-headers.ts'
import type { RestorePlan, TopicRestorePlan } from '../restore-plan.ts'
import { isReadByRecord } from '../work-stream.ts'
import { acceptedSettings } from './accepted-settings.ts'
import { CLEANUP_POLICY, type SettingNote, wantedTopic } from './captured-settings.ts'
import { type HeldCreation, holdSettings, wantedShape } from './created-settings.ts'
import { type Refusal, unsuitable } from './refusal.ts'
import { refuseTimes, retentionTrouble } from './target-settings.ts'

/** A topic that the restore creates. */
export interface CreatedTopic {
  readonly topic: TopicRestorePlan
  readonly request: NewTopic
  /** What it would have while records are written; where the brokers do not tell, what it is given. */
  readonly settings: ReadonlyMap<string, string>
  /** What is put in place when the restore is done. */
  readonly held: readonly HeldSetting[]
  /** What it does not get as its source had it. */
  readonly notes: readonly SettingNote[]
  /** Why it cannot be created. */
  readonly failure: KafkaBackupError | null
}

/** How topics are created. */
export interface CreationOptions {
  /** -1: that of the source, or the cluster's default where that is not known. */
  readonly replicationFactor: number
  readonly nowMs: number
  readonly brokers: number
  /** Settings of the source; null: none are put back. */
  readonly captured: TopicsDocument | null
  readonly isHoldingRetention: boolean
}

type Values = ReadonlyMap<string, string>

interface CreationTrial {
  readonly request: NewTopic
  readonly told: Values | null
  readonly failure: KafkaBackupError | null
}

/** Defaults of Kafka, for brokers that do not tell theirs. Kafka 4 refuses records from more than an hour ahead (KIP-937). */
const UNTOLD: ReadonlyMap<string, string> = new Map([
  ['max.message.bytes', '1048588'],
  ['message.timestamp.after.max.ms', '3600000'],
])
const MAX_INT32 = 2_147_483_647
const NO_LIMIT = '9223372036854775807'
const NONE: Values = new Map()
const NEEDS_ROOM = 'records of the backup need it'
const GRANT_CREATE =
  'Grant the account the ACL Create on the topic or the cluster, or have somebody create the topic before.'
const REMEDY =
  'Give the topic another value by restore.topic_config_overrides, which beats the defaults of the cluster. Retention can be set when the restore is done.'

/** Has the brokers check each topic, without creating it, and gives it room for what would not fit by their defaults. */
export async function tryCreation(
  cluster: Cluster,
  plan: RestorePlan,
  topics: readonly TopicRestorePlan[],
  options: CreationOptions,
): Promise<CreatedTopic[]> {
  const created: CreatedTopic[] = []
  for (const topic of topics) created.push(await tryTopic(cluster, plan, topic, options))
  return created
}

async function tryTopic(
  cluster: Cluster,
  plan: RestorePlan,
  topic: TopicRestorePlan,
  options: CreationOptions,
): Promise<CreatedTopic> {
  const wanted = wantedTopic(topic, options.captured)
  const shape = wanted && wantedShape(topic, wanted, options)
  const replicas = shape?.replicas ?? options.replicationFactor
  const ask = (values: Values) => tryRequest(cluster, newTopic(topic, replicas, values))
  const { values, trial: end, notes } = await acceptedSettings(topic.targetTopic, shape?.values ?? NONE, ask)
  const known = [...(shape?.notes ?? []), ...notes]
  if (end.failure) return asTried(topic, end, { held: [], notes: known })
  const { isHoldingRetention: isHolding, nowMs } = options
  const cleanupPolicy = settingsOf(end).get(CLEANUP_POLICY)
  const holding = await holdSettings(cluster, topic, values, { cleanupPolicy, isHolding, nowMs })
  const now = isSame(holding.values, values) ? end : await ask(holding.values)
  const room = now.failure ? NONE : roomFor(plan, topic, settingsOf(now), nowMs)
  const roomy = room.size === 0 ? now : await ask(new Map([...holding.values, ...room]))
  const raised = [...room].flatMap(([name, value]): SettingNote[] => {
    const captured = values.get(name)
    const note = { topic: topic.targetTopic, name, value, kind: 'changed', reason: NEEDS_ROOM } as const
    return captured === undefined ? [] : [{ ...note, captured }]
  })
  return asTried(topic, roomy, { held: holding.held, notes: [...known, ...holding.notes, ...raised] })
}

function asTried(
  topic: TopicRestorePlan,
  trial: CreationTrial,
  { held, notes }: Pick<HeldCreation, 'held' | 'notes'>,
): CreatedTopic {
  const { request, failure } = trial
  return { topic, request, settings: settingsOf(trial), held, notes, failure }
}

function isSame(a: Values, b: Values): boolean {
  return [...a].every(([name, value]) => b.get(name) === value)
}

async function tryRequest(cluster: Cluster, request: NewTopic): Promise<CreationTrial> {
  const [trial] = await cluster.tryTopics([request])
  return { request, told: trial?.settings ?? null, failure: trial?.failure ?? null }
}

function settingsOf({ request, told, failure }: CreationTrial): Values {
  return told ?? new Map([...(failure ? [] : UNTOLD), ...request.configs])
}

/** @throws a failure that may pass */
function refuseCreation({ topic, failure }: CreatedTopic): Refusal[] {
  if (failure === null) return []
  if (failure.retryable) throw failure
  const said = failure.message.replace(`creating topic ${topic.targetTopic}: `, '')
  const message = `cannot be created: ${said}`
  if (failure.code !== 'KB_CLUSTER_PERMISSION') return [unsuitable(topic, message)]
  return [unsuitable(topic, message, GRANT_CREATE, failure.code)]
}

/** Brokers check each name against the topics that there are, and not against those that come with it. */
function refuseCollisions(created: readonly CreatedTopic[]): Refusal[] {
  const first = new Map<string, string>()
  return created.flatMap(({ topic }) => {
    const metric = topic.targetTopic.replaceAll('.', '_')
    const other = first.get(metric)
    if (other === undefined) first.set(metric, topic.targetTopic)
    if (other === undefined || other === topic.targetTopic) return []
    const message = `cannot be created beside ${other}: brokers take a dot and an underscore in names of topics for the same`
    return [unsuitable(topic, message, 'Restore one of them under another name.')]
  })
}

/** Why topics cannot be created, and the rows of existing ones, by the settings that they would have. @throws a failure that may pass */
export function refuseCreated(plan: RestorePlan, created: readonly CreatedTopic[], nowMs: number): Refusal[] {
  const judged = { nowMs, isHolding: false, overrides: new Map() }
  const each = created.flatMap((entry) => {
    const { topic, settings } = entry
    const { refusals } = retentionTrouble(plan, topic, settings, judged)
    return [...refuseCreation(entry), ...[...refuseTimes(topic, settings, nowMs), ...refusals].map(asCreated)]
  })
  return [...refuseCollisions(created), ...each]
}

/** The refusal of an existing topic, for one that would be created with such settings. */
export function asCreated(refusal: Refusal): Refusal {
  return { ...refusal, message: `would be created so that it ${refusal.message}`, remedy: REMEDY }
}

/**
 * `own`: beats what a restore sets, and is beaten by what somebody gave. Created topics keep what they are given: without `retention.ms=-1` the broker's default would delete restored records
 * that are older than a week, as it does with every old record.
 */
function newTopic(
  { targetTopic, partitionCount, configOverrides }: TopicRestorePlan,
  replicationFactor: number,
  own: Values,
): NewTopic {
  const lasting = [
    ['message.timestamp.type', 'CreateTime'],
    ['retention.ms', '-1'],
    ['retention.bytes', '-1'],
  ] as const
  return {
    name: targetTopic,
    partitions: partitionCount,
    replicationFactor,
    configs: new Map([...lasting, ...own, ...configOverrides]),
  }
}

/** Settings for records that are larger, or from further ahead, than the topic would take. What somebody gave stays. */
function roomFor(
  plan: RestorePlan,
  topic: TopicRestorePlan,
  settings: ReadonlyMap<string, string>,
  nowMs: number,
): Map<string, string> {
  const room = new Map<string, string>()
  const { configOverrides } = topic
  const { neededBytes, roomBytes } = sizesOf(plan, topic)
  for (const name of ['max.message.bytes', 'segment.bytes']) {
    const mostBytes = Number(settings.get(name) ?? MAX_INT32)
    if (!configOverrides.has(name) && neededBytes > mostBytes) room.set(name, String(roomBytes))
  }
  const aheadMs = topic.maxTimestampMs - BigInt(nowMs)
  const name = 'message.timestamp.after.max.ms'
  if (!configOverrides.has(name) && aheadMs > BigInt(settings.get(name) ?? NO_LIMIT)) room.set(name, NO_LIMIT)
  return room
}

/** What the largest stored batch needs, and would need where it is encoded again: it may come out a little larger than it was. */
function sizesOf(
  plan: RestorePlan,
  { largestBatchBytes, targetTopic }: TopicRestorePlan,
): { readonly neededBytes: number; readonly roomBytes: number } {
  const againBytes = Math.ceil(largestBatchBytes * 1.1) + addedHeaderMaxBytes(plan.headers)
  const works = plan.works.filter(({ targets }) => targets[0]?.topic === targetTopic)
  const isAgain = plan.window !== null || works.some((work) => isReadByRecord(plan, work))
  return {
    neededBytes: isAgain ? againBytes : largestBatchBytes,
    roomBytes: Math.min(againBytes, MAX_INT32),
  }
}
