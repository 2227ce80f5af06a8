import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { HeldSetting, RestoreMode } from '../format/restore-ledger.ts'
import type { Cluster, ClusterDescription, NewTopic, TopicOperation } from '../kafka/cluster.ts'
import type { LedgerState } from '../repository/restore-ledger.ts'
import type { TransformsById } from '../repository/segment-reader.ts'
import { retry } from '../runtime/retry.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { refuseCreated, refuseCreation, tryCreation } from './preflight/created-topics.ts'
import {
  assertMayKeepOffsets,
  judgeOffsetRoom,
  movedWarnings,
  type OffsetRoom,
} from './preflight/offset-room.ts'
import { differingChoices, unfinishedOf } from './preflight/other-choice.ts'
import { holdsOlder } from './preflight/record-age.ts'
import { inspectRecords } from './preflight/record-inspection.ts'
import { type Refusal, throwRefusals, unsuitable } from './preflight/refusal.ts'
import { chooseMode } from './preflight/restore-mode.ts'
import { refuseAccess, refuseShape } from './preflight/target-access.ts'
import {
  type ExistingTopics,
  filledTopics,
  purgeBounds,
  refuseContent,
  refusePurges,
  type TargetOffsets,
} from './preflight/target-content.ts'
import {
  ageTrouble,
  refuseTimes,
  retentionTrouble,
  TARGET_SETTINGS,
  undecidedAgeMs,
} from './preflight/target-settings.ts'
import type { RestorePlan, TopicRestorePlan } from './restore-plan.ts'
import type { RestoreRequest } from './restore-request.ts'

/** What is done to the target, and where each partition begins. */
export interface TargetPlan {
  readonly clusterId: string
  readonly brokers: number
  readonly newTopics: readonly NewTopic[]
  readonly mode: RestoreMode
  /** Why there are no transactions; null: there are, or somebody chose so. */
  readonly modeReason: string | null
  readonly heldSettings: readonly HeldSetting[]
  /** Everything below is deleted first, by `topic/partition`. */
  readonly purges: ReadonlyMap<string, bigint>
  /** By target topic: stored batches that are larger are split. */
  readonly batchMaxBytes: ReadonlyMap<string, number>
  /** How offsets without a record are taken; null: records do not keep their offsets. */
  readonly offsets: OffsetRoom | null
  /** What speaks against it, and does not keep it from being done. */
  readonly warnings: readonly string[]
}

/** Choices that bear on the target. */
export interface TargetOptions {
  readonly isCreatingTopics: boolean
  /** -1: the cluster's default. */
  readonly replicationFactor: number
  readonly existingTopics: ExistingTopics
  /** Keep a topic from deleting what is restored, until the restore is done. */
  readonly isHoldingRetention: boolean
  readonly requestedMode: 'auto' | RestoreMode
  /** Markers that a restore which keeps offsets may write. */
  readonly gapMax: number
  /** Records of filler that it may write. */
  readonly fillerMax: number
  /** Whether the account may use the transactional ids of restores of this backup. */
  readonly mayUseTransactions: () => Promise<boolean>
  /** The newest restore of the same request, when it has not ended or is gone on with. */
  readonly unfinished: LedgerState | undefined
  /** Restores of this backup that were begun before; read only when a topic is in the way. */
  readonly earlierRestores: () => Promise<LedgerState[]>
  readonly request: RestoreRequest
  /** It is gone on with: what it wrote is expected. */
  readonly isResuming: boolean
  readonly storage: StorageBackend
  readonly transforms: TransformsById
  readonly nowMs: number
  readonly signal: AbortSignal
}

// The leaders of a topic that was just created may not have heard of it yet.
const PREFLIGHT_RETRY = { firstDelayMs: 200, maxDelayMs: 1_000, giveUpAfterMs: 10_000 }
const BROKER_MAX_MESSAGE_BYTES = 1_048_588
const BROKERS_OWN = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
  '__cluster_metadata',
])

/**
 * Every refusal, before the first write; all of them in one error.
 * @throws KB_TARGET_NOT_EMPTY, KB_TARGET_UNSUITABLE, KB_CLUSTER_PERMISSION, KB_RECORD_TOO_LARGE, KB_TRANSFORM_UNAVAILABLE,
 * KB_CLUSTER_*
 */
export async function preflightRestore(
  cluster: Cluster,
  plan: RestorePlan,
  options: TargetOptions,
): Promise<TargetPlan> {
  assertReadable(plan, options.transforms)
  if (plan.isKeepingOffsets) assertMayKeepOffsets(options.existingTopics)
  // Outside of the retry: that no broker answers is said at once.
  const existing = new Set(await cluster.topicNames())
  const { mode, modeReason } = await chooseMode(plan.isKeepingOffsets, options)
  const { refusals, target } = await retry(() => preflightOnce(cluster, plan, options, existing), {
    policy: PREFLIGHT_RETRY,
    signal: options.signal,
  })
  // Only when nothing else is in the way: it reads the archive.
  if (refusals.length === 0) refusals.push(...(await inspectArchive(plan, options, target)))
  const aged =
    refusals.length === 0 ? await judgeAges(plan, options, target.ages) : { refusals: [], held: [] }
  refusals.push(...aged.refusals)
  throwRefusals(refusals, target.clusterId, existing)
  return { ...target, heldSettings: [...target.heldSettings, ...aged.held], mode, modeReason }
}

interface Findings {
  readonly refusals: Refusal[]
  readonly target: Omit<TargetPlan, 'mode' | 'modeReason'> & {
    readonly compacted: ReadonlySet<string>
    readonly ages: readonly UndecidedAge[]
  }
}

async function preflightOnce(
  cluster: Cluster,
  plan: RestorePlan,
  options: TargetOptions,
  existing: ReadonlySet<string>,
): Promise<Findings> {
  const present = plan.topics.filter((topic) => existing.has(topic.targetTopic))
  const absent = plan.topics.filter((topic) => !existing.has(topic.targetTopic))
  const description = await cluster.describe(present.map((topic) => topic.targetTopic))
  const facts = await factsOf(cluster, description)
  const offsets = await targetOffsets(cluster, description)
  const refusals: Refusal[] = plan.topics
    .filter(({ targetTopic }) => BROKERS_OWN.has(targetTopic))
    .map(refuseOwn)
  const held: HeldSetting[] = []
  for (const topic of present) {
    const judged = judgeTopic(plan, topic, options, facts)
    refusals.push(...judged.refusals)
    held.push(...judged.held)
  }
  const created = options.isCreatingTopics ? await tryCreation(cluster, absent, options) : []
  refusals.push(...(options.isCreatingTopics ? [] : absent.map(refuseMissing)))
  for (const entry of created)
    refusals.push(...refuseCreation(entry), ...refuseCreated(plan, entry, options.nowMs))
  const newSettings = created.map(({ topic, settings: own }) => [topic.targetTopic, own] as const)
  const settings = new Map([...facts.values, ...newSettings])
  const partitions = partitionsOf(description)
  if (options.existingTopics === 'purge')
    refusals.push(...refusePurges(present, filledTopics(present, partitions, offsets), facts.values))
  const isOwn = options.isResuming && options.unfinished?.begun != null
  if (options.existingTopics === 'fail' && !isOwn)
    refusals.unshift(...(await judgeContent(plan, present, description, offsets, options)))
  const place = { topics: description.topics, newSettings: new Map(newSettings), offsets }
  const kept = plan.isKeepingOffsets
    ? await judgeOffsetRoom(cluster, plan, place, { ...options, isOwn })
    : { refusals: [], room: null }
  refusals.push(...kept.refusals)
  return {
    refusals,
    target: {
      clusterId: description.clusterId,
      brokers: description.brokers.size,
      newTopics: created.map(({ request }) => request),
      heldSettings: held,
      purges: options.existingTopics === 'purge' && !isOwn ? purgeBounds(partitions, offsets) : new Map(),
      batchMaxBytes: batchLimits(plan.topics, settings),
      offsets: kept.room,
      warnings: [...warningsOf(present, description), ...(plan.isKeepingOffsets ? movedWarnings(plan) : [])],
      ages: undecidedAges(present, facts, held, options),
      compacted: new Set(
        [...settings]
          .filter(([, own]) => own.get('cleanup.policy')?.includes('compact'))
          .map(([name]) => name),
      ),
    },
  }
}

/** Topics that must be empty, and whether one of our restores filled them. */
async function judgeContent(
  plan: RestorePlan,
  present: readonly TopicRestorePlan[],
  description: ClusterDescription,
  offsets: TargetOffsets,
  options: TargetOptions,
): Promise<Refusal[]> {
  const partitions = partitionsOf(description)
  const filled = filledTopics(present, partitions, offsets)
  const ledgers = filled.length === 0 ? [] : await options.earlierRestores()
  const others = filled.flatMap((name) => {
    const found = unfinishedOf(ledgers, description.clusterId, name)
    if (!found || found.restoreId === options.unfinished?.restoreId) return []
    const differences = differingChoices(found.opened.request, options.request)
    // Of the same request, it is one whose topic was deleted since.
    if (differences.length === 0) return []
    return [[name, { restoreId: found.restoreId, differences }] as const]
  })
  const unfinished = { own: options.unfinished, others: new Map(others) }
  return refuseContent(present, partitions, offsets, unfinished, plan.isKeepingOffsets)
}

interface TargetFacts {
  readonly description: ClusterDescription
  readonly values: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly overrides: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly operations: ReadonlyMap<string, ReadonlySet<TopicOperation>>
  readonly cappingBrokers: ReadonlySet<number>
}

async function factsOf(cluster: Cluster, description: ClusterDescription): Promise<TargetFacts> {
  const names = description.topics.map(({ name }) => name)
  const leaders = description.topics.flatMap(({ partitions }) => partitions.map(({ leader }) => leader))
  const [values, overrides, operations, cappingBrokers] = await Promise.all([
    cluster.topicConfigs(names, TARGET_SETTINGS),
    cluster.topicOverrides(names, TARGET_SETTINGS),
    cluster.topicOperations(names),
    cluster.cappingBrokers(leaders),
  ])
  return { description, values, overrides, operations, cappingBrokers }
}

/** One topic that exists, but for what it holds. */
function judgeTopic(
  plan: RestorePlan,
  topic: TopicRestorePlan,
  options: TargetOptions,
  facts: TargetFacts,
): { readonly refusals: Refusal[]; readonly held: readonly HeldSetting[] } {
  const { targetTopic } = topic
  const own = facts.values.get(targetTopic) ?? new Map<string, string>()
  const retention = retentionTrouble(plan, topic, own, {
    nowMs: options.nowMs,
    isHolding: options.isHoldingRetention,
    overrides: facts.overrides.get(targetTopic) ?? new Map(),
  })
  const needed: TopicOperation[] = ['read', 'write', 'describe']
  if (options.existingTopics === 'purge') needed.push('delete')
  if (retention.held.length > 0) needed.push('alter_configs')
  const found = facts.description.topics.find((entry) => entry.name === targetTopic)
  return {
    refusals: [
      ...refuseShape(topic, found, {
        minInSync: Number(own.get('min.insync.replicas') ?? 1),
        cappingBrokers: facts.cappingBrokers,
      }),
      ...refuseTimes(topic, own, options.nowMs),
      // What an unfinished restore began is held already.
      ...(options.isResuming ? [] : retention.refusals),
      ...refuseAccess(topic, facts.operations.get(targetTopic), needed),
    ],
    held: retention.held,
  }
}

function refuseMissing(topic: TopicRestorePlan): Refusal {
  return unsuitable(
    topic,
    'does not exist, and restore.create_topics is false',
    'Create the topic, or leave out --create-topics false.',
  )
}

function refuseOwn(topic: TopicRestorePlan): Refusal {
  return unsuitable(topic, 'is kept by the brokers for themselves', 'Restore it under another name.')
}

/** An archive that this program cannot read is said before anything is written. The ending of a name tells the transform. */
function assertReadable(plan: RestorePlan, transforms: TransformsById): void {
  const known = new Set([...transforms.values()].map(({ extension }) => extension))
  for (const { parts } of plan.partitions) {
    for (const { segment } of parts) {
      const extension = segment.key.slice(segment.key.lastIndexOf('.') + 1)
      if (known.has(extension)) continue
      throw new KafkaBackupError(
        'KB_TRANSFORM_UNAVAILABLE',
        `${segment.key}: this program cannot read .${extension}; nothing was written`,
        { context: { key: segment.key } },
      )
    }
  }
}

/** A topic that may hold records which are too old for it: only the archive tells. */
interface UndecidedAge {
  readonly topic: TopicRestorePlan
  readonly oldestMs: bigint
  readonly values: ReadonlyMap<string, string>
  readonly overrides: ReadonlyMap<string, string>
}

function undecidedAges(
  present: readonly TopicRestorePlan[],
  { values: settings, overrides: given }: TargetFacts,
  held: readonly HeldSetting[],
  { isResuming, nowMs }: TargetOptions,
): UndecidedAge[] {
  return present.flatMap((topic) => {
    const values = settings.get(topic.targetTopic) ?? new Map<string, string>()
    const oldestMs = undecidedAgeMs(topic, values, nowMs)
    const isHeld = held.some((own) => own.topic === topic.targetTopic && own.name === 'retention.ms')
    if (oldestMs === null || isResuming || isHeld) return []
    return [{ topic, oldestMs, values, overrides: given.get(topic.targetTopic) ?? new Map() }]
  })
}

async function judgeAges(
  plan: RestorePlan,
  { storage, transforms, signal, isHoldingRetention: isHolding }: TargetOptions,
  ages: readonly UndecidedAge[],
): Promise<{ readonly refusals: Refusal[]; readonly held: HeldSetting[] }> {
  const source = { storage, backupId: plan.backupId, transforms, signal }
  const troubles: ReturnType<typeof ageTrouble>[] = []
  for (const { topic, oldestMs, values, overrides } of ages) {
    if (await holdsOlder(source, plan, topic, oldestMs))
      troubles.push(ageTrouble(topic, values, { isHolding, overrides }))
  }
  return {
    refusals: troubles.flatMap(({ refusals }) => refusals),
    held: troubles.flatMap(({ held }) => held),
  }
}

async function inspectArchive(
  plan: RestorePlan,
  { storage, transforms, signal }: TargetOptions,
  { batchMaxBytes, compacted }: Findings['target'],
): Promise<Refusal[]> {
  const source = { storage, backupId: plan.backupId, transforms, signal }
  const refusals: Refusal[] = []
  for (const topic of plan.topics) {
    const most = batchMaxBytes.get(topic.targetTopic)
    const isSuspect = most !== undefined && topic.largestBatchBytes > most
    const needsKeys = compacted.has(topic.targetTopic)
    if (!isSuspect && !needsKeys) continue
    refusals.push(...(await inspectRecords(source, plan, topic, { batchMaxBytes: most ?? null, needsKeys })))
  }
  return refusals
}

/** Limits of topics that matter to some stored batch, or to one that is encoded again a little larger. */
function batchLimits(
  topics: readonly TopicRestorePlan[],
  values: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Map<string, number> {
  return new Map(
    topics.map(({ targetTopic }) => {
      const limit = values.get(targetTopic)?.get('max.message.bytes')
      return [targetTopic, Number(limit ?? BROKER_MAX_MESSAGE_BYTES)]
    }),
  )
}

function warningsOf(present: readonly TopicRestorePlan[], description: ClusterDescription): string[] {
  return present.flatMap(({ targetTopic, partitionCount }) => {
    const found = description.topics.find((entry) => entry.name === targetTopic)?.partitions.length ?? 0
    if (found <= partitionCount) return []
    return [
      `topic ${targetTopic} has ${found} partitions, the restore fills ${partitionCount}: new records of a key may go to another partition`,
    ]
  })
}

function partitionsOf(description: ClusterDescription) {
  return description.topics.flatMap((topic) =>
    topic.partitions.map(({ partition }) => ({ topic: topic.name, partition })),
  )
}

async function targetOffsets(cluster: Cluster, description: ClusterDescription): Promise<TargetOffsets> {
  const partitions = partitionsOf(description)
  const starts = await cluster.listOffsets('log_start', partitions)
  const ends = await cluster.listOffsets('high_watermark', partitions)
  return { starts, ends }
}

/** Topics of which a purge deletes something. */
export function purgedTopics(target: TargetPlan): string[] {
  return [...new Set([...target.purges.keys()].map((name) => name.slice(0, name.lastIndexOf('/'))))]
}
