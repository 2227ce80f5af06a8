import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { HeldSetting } from '../format/restore-ledger.ts'
import type { Cluster, ClusterDescription } from '../kafka/cluster.ts'
import type { Codec } from '../protocol/codec.ts'
import type { TransformsById } from '../repository/segment-reader.ts'
import { retry } from '../runtime/retry.ts'
import { CLEANUP_POLICY } from './preflight/captured-settings.ts'
import { refuseCreated, tryCreation } from './preflight/created-topics.ts'
import { compareSettings } from './preflight/existing-settings.ts'
import { factsOf, judgeTopic, refuseMissing, refuseOwn, warningsOf } from './preflight/existing-topics.ts'
import { refuseLateHolds } from './preflight/late-holds.ts'
import { assertMayKeepOffsets, judgeOffsetRoom, movedWarnings } from './preflight/offset-room.ts'
import { openWarnings } from './preflight/open-before.ts'
import { judgeBytes, type UndecidedBytes, undecidedBytes } from './preflight/partition-bytes.ts'
import { judgeAges, type UndecidedAge, undecidedAges } from './preflight/record-age.ts'
import { inspectRecords } from './preflight/record-inspection.ts'
import { type Refusal, throwRefusals } from './preflight/refusal.ts'
import { judgeRepetitions } from './preflight/repeated-records.ts'
import { chooseMode } from './preflight/restore-mode.ts'
import { refuseUnknownCodecs } from './preflight/stored-codecs.ts'
import {
  filledTopics,
  heldOffsets,
  judgeContent,
  partitionsOf,
  purgeBounds,
  purgeBoundsOf,
  refuseBroughtBack,
  refusePurges,
  type TargetOffsets,
  targetOffsets,
} from './preflight/target-content.ts'
import type { TargetOptions, TargetPlan } from './preflight/target-plan.ts'
import { type TopicLimits, topicLimits } from './preflight/topic-limits.ts'
import { refuseShortTransactions, usesTransactions } from './preflight/transaction-time.ts'
import type { RestorePlan, TopicRestorePlan } from './restore-plan.ts'

export type { TargetOptions, TargetPlan } from './preflight/target-plan.ts'

// The leaders of a topic that was just created may not have heard of it yet.
const PREFLIGHT_RETRY = { firstDelayMs: 200, maxDelayMs: 1_000, giveUpAfterMs: 10_000 }

/**
 * Every refusal, before the first write; all of them in one error.
 * @throws KB_TARGET_NOT_EMPTY, KB_TARGET_UNSUITABLE, KB_CLUSTER_PERMISSION, KB_RECORD_TOO_LARGE, KB_TRANSFORM_UNAVAILABLE,
 * KB_BROKER_UNSUPPORTED, KB_FORMAT_UNSUPPORTED, KB_CLUSTER_*
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
  if (usesTransactions({ mode, offsets: target.offsets }))
    refusals.push(...(await refuseShortTransactions(cluster, plan)))
  // Only when nothing else is in the way: it reads the archive. Of one that is gone on with, the codecs were looked at when it began.
  const hasBegun = options.isResuming && options.unfinished?.begun != null
  if (refusals.length === 0 && !hasBegun) refusals.push(...(await refuseUnknownCodecs(options, plan)))
  if (refusals.length === 0) refusals.push(...(await inspectArchive(plan, options, target)))
  const aged =
    refusals.length === 0 ? await judgeAges(plan, options, target.ages) : { refusals: [], held: [] }
  const sized =
    refusals.length === 0
      ? await judgeBytes(
          plan,
          options,
          target.sizes,
          target.heldSettings.filter(({ held }) => held === '-1'),
        )
      : { refusals: [], held: [] }
  const heldSettings = withHeld(target.heldSettings, [...aged.held, ...sized.held])
  refusals.push(...aged.refusals, ...sized.refusals, ...refuseLateHolds(plan, options, heldSettings))
  throwRefusals(refusals, target.clusterId, existing)
  return { ...target, heldSettings, mode, modeReason }
}

/** A setting that is to be changed in the end may have to be held until then, too. */
function withHeld(settings: readonly HeldSetting[], more: readonly HeldSetting[]): HeldSetting[] {
  const isSame = (a: HeldSetting, b: HeldSetting) => a.topic === b.topic && a.name === b.name
  const joined = settings.map((own) => ({
    ...own,
    held: more.find((entry) => isSame(own, entry))?.held ?? own.held,
  }))
  return [...joined, ...more.filter((entry) => !settings.some((own) => isSame(own, entry)))]
}

interface Findings {
  readonly refusals: Refusal[]
  readonly target: Omit<TargetPlan, 'mode' | 'modeReason'> & {
    readonly compacted: ReadonlySet<string>
    readonly limits: ReadonlyMap<string, TopicLimits>
    readonly ages: readonly UndecidedAge[]
    readonly sizes: readonly UndecidedBytes[]
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
  const judged = present.map((topic) => judgeTopic(plan, topic, options, facts))
  const refusals: Refusal[] = [
    ...plan.topics.flatMap(refuseOwn),
    ...judged.flatMap((entry) => entry.refusals),
  ]
  const held = judged.flatMap((entry) => entry.held)
  const compared = await compareSettings(cluster, present, held, facts, options)
  refusals.push(...compared.refusals)
  const creation = { ...options, brokers: description.brokers.size }
  const created = options.isCreatingTopics ? await tryCreation(cluster, plan, absent, creation) : []
  refusals.push(...(options.isCreatingTopics ? [] : absent.map(refuseMissing)))
  refusals.push(...refuseCreated(plan, created, options.nowMs))
  const newSettings = created.map(({ topic, settings: own }) => [topic.targetTopic, own] as const)
  const settings = new Map([...facts.values, ...newSettings])
  const heldSettings = [...compared.held, ...created.flatMap((entry) => entry.held)]
  const limits = limitsOf(plan, settings)
  const partitions = partitionsOf(description)
  const filled = filledTopics(present, partitions, offsets)
  if (options.existingTopics === 'purge') refusals.push(...refusePurges(present, filled, facts.values))
  const isAppending = options.existingTopics === 'append'
  const isOwn = options.isResuming && options.unfinished?.begun != null
  const content = isOwn ? NOTHING : await judgeHeld(cluster, plan, description, offsets, options)
  const back = broughtBack(plan, options, offsets)
  refusals.unshift(...content.refusals, ...refuseBroughtBack(present, back, options))
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
      heldSettings,
      purges: purgesOf(options, isOwn ? back : purgeBounds(partitions, offsets)),
      ...takenSizes(limits),
      offsets: kept.room,
      settingNotes: [...compared.notes, ...created.flatMap(({ notes }) => notes)],
      warnings: [...content.warnings, ...otherWarnings(plan, present, description, options)],
      limits,
      ages: undecidedAges(present, created, facts, held, options),
      // What a restore that is gone on with found there was judged when it began.
      sizes: undecidedBytes(present, created, facts, isAppending && !isOwn ? filled : []),
      compacted: compactedTopics(settings, heldSettings),
    },
  }
}

function purgesOf({ existingTopics }: TargetOptions, bounds: Map<string, bigint>): Map<string, bigint> {
  return existingTopics === 'purge' ? bounds : new Map()
}

/** What is there again below the begin of a restore. Of one that keeps offsets, its own steps see to the begin of each log. */
function broughtBack(
  { isKeepingOffsets }: RestorePlan,
  { isResuming, unfinished }: TargetOptions,
  offsets: TargetOffsets,
): Map<string, bigint> {
  if (!isResuming || !unfinished?.begun || unfinished.opened.isShared || isKeepingOffsets) return new Map()
  return purgeBoundsOf(unfinished, offsets)
}

function otherWarnings(
  plan: RestorePlan,
  present: readonly TopicRestorePlan[],
  description: ClusterDescription,
  { captureTrouble }: TargetOptions,
): string[] {
  return [
    ...(captureTrouble === null ? [] : [`settings of topics are not put back: ${captureTrouble}`]),
    ...warningsOf(present, description),
    ...(plan.isKeepingOffsets ? movedWarnings(plan) : []),
  ]
}

/** Those that are, and those that will be when the restore is done. */
function compactedTopics(
  settings: ReadonlyMap<string, ReadonlyMap<string, string>>,
  held: readonly HeldSetting[],
): Set<string> {
  const isCompact = (policy: string | null | undefined) => policy?.includes('compact') === true
  const now = [...settings].filter(([, own]) => isCompact(own.get(CLEANUP_POLICY))).map(([name]) => name)
  const later = held.filter(({ name, original }) => name === CLEANUP_POLICY && isCompact(original))
  return new Set([...now, ...later.map(({ topic }) => topic)])
}

const NOTHING = { refusals: [], warnings: [] }

/** What the topics hold already: it must be nothing, or nothing that would stand there twice. */
async function judgeHeld(
  cluster: Cluster,
  plan: RestorePlan,
  description: ClusterDescription,
  offsets: TargetOffsets,
  options: TargetOptions,
): Promise<{ readonly refusals: readonly Refusal[]; readonly warnings: readonly string[] }> {
  const { existingTopics } = options
  const present = plan.topics.filter(({ targetTopic }) =>
    description.topics.some(({ name }) => name === targetTopic),
  )
  if (existingTopics === 'fail')
    return { refusals: await judgeContent(plan, present, description, offsets, options), warnings: [] }
  const filled = partitionsOf(description).filter((entry) => heldOffsets(entry, offsets) > 0n)
  const open = await openWarnings(cluster, description.clusterId, filled, options)
  if (existingTopics === 'purge') return { refusals: [], warnings: open }
  const { refusals, warnings } = await judgeRepetitions(plan, { description, offsets }, options)
  return { refusals, warnings: [...warnings, ...open] }
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

/** What the commits do not tell: the archive is read where something may be in the way. */
async function inspectArchive(
  plan: RestorePlan,
  options: TargetOptions,
  { limits, compacted, newTopics }: Findings['target'],
): Promise<Refusal[]> {
  const { storage, transforms, signal, isResuming, unfinished } = options
  const source = { storage, backupId: plan.backupId, transforms, signal }
  const created = new Set(newTopics.map(({ name }) => name))
  const written = isResuming ? (unfinished?.progress ?? new Map()) : new Map()
  const refusals: Refusal[] = []
  for (const topic of plan.topics) {
    const own = limits.get(topic.targetTopic)
    if (!own) continue
    const needsKeys = compacted.has(topic.targetTopic)
    const wish = { limits: own, needsKeys, isCreated: created.has(topic.targetTopic), written }
    refusals.push(...(await inspectRecords(source, plan, topic, wish)))
  }
  return refusals
}

function limitsOf(
  { topics }: RestorePlan,
  settings: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Map<string, TopicLimits> {
  return new Map(
    topics.map(({ targetTopic }) => [targetTopic, topicLimits(settings.get(targetTopic) ?? new Map())]),
  )
}

function takenSizes(
  limits: ReadonlyMap<string, TopicLimits>,
): Pick<TargetPlan, 'batchMaxBytes' | 'topicCodecs'> {
  const batchMaxBytes = new Map<string, number>()
  const topicCodecs = new Map<string, Codec>()
  for (const [name, { limit }] of limits) {
    batchMaxBytes.set(name, limit.maxBytes)
    if (limit.codec !== null) topicCodecs.set(name, limit.codec)
  }
  return { batchMaxBytes, topicCodecs }
}

/** Topics of which a purge deletes something. */
export function purgedTopics(target: TargetPlan): string[] {
  return [...new Set([...target.purges.keys()].map((name) => name.slice(0, name.lastIndexOf('/'))))]
}
