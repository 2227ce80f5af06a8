import { isKafkaBackupError, type KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { HeldSetting } from '../../format/restore-ledger.ts'
import type { Cluster, TopicSettings } from '../../kafka/cluster.ts'
import type { TopicRestorePlan } from '../restore-plan.ts'
import type { ExistingTopicConfigPolicy } from '../restore-request.ts'
import {
  CLEANUP_POLICY,
  DELETES_ALL,
  RETENTION_MS,
  type SettingNote,
  type WantedTopic,
  wantedTopic,
  wouldDeleteAll,
} from './captured-settings.ts'
import type { TargetFacts } from './existing-topics.ts'
import { type Refusal, unsuitable } from './refusal.ts'
import { refuseAccess } from './target-access.ts'
import type { TargetOptions } from './target-plan.ts'

/** A setting that an existing topic has otherwise than its source. */
interface Difference {
  readonly name: string
  readonly value: string
  readonly captured: string
}

/** What is done about the settings of one existing topic. */
export interface JudgedSettings {
  readonly refusals: readonly Refusal[]
  /** Changes, and what a topic has until they are made. */
  readonly held: readonly HeldSetting[]
  readonly notes: readonly SettingNote[]
}

/** How a difference is judged. */
interface SettingsJudgement {
  readonly policy: ExistingTopicConfigPolicy
  readonly isHolding: boolean
  readonly nowMs: number
  /** What is held of existing topics for other reasons. */
  readonly held: readonly HeldSetting[]
}

const REMEDY =
  'Give the topic the settings of its source, or leave out --existing-topic-config-policy fail, which keeps what it has; apply gives it those of the source.'

const REMEDY_UNKNOWN = 'Leave out --existing-topic-config-policy fail, which keeps what the topic has.'
const NOTHING_CAPTURED = 'the backup has none'
const UNKNOWN_NOTE = { name: '*', captured: '?', value: null, kind: 'differs' } as const

/** What existing topics have otherwise than their sources; all of it together with what is held for other reasons. */
export async function compareSettings(
  cluster: Cluster,
  present: readonly TopicRestorePlan[],
  held: readonly HeldSetting[],
  { operations }: TargetFacts,
  options: TargetOptions,
): Promise<JudgedSettings> {
  const { captured, unfinished, isHoldingRetention: isHolding, nowMs } = options
  const policy = options.request.existingTopicConfigPolicy
  // What nobody asked for is not missed where the backup has no settings at all.
  if (!options.request.restoreTopicConfigs || (captured === null && policy === 'keep'))
    return { refusals: [], held, notes: [] }
  const told = await cluster.topicSettings(
    present.map(({ targetTopic }) => targetTopic),
    null,
  )
  const judged: JudgedSettings[] = []
  for (const topic of present) {
    const wanted = wantedTopic(topic, captured)
    const own = unfinished?.opened
    // What an unfinished restore has created or holds is not what somebody wanted the topic to be.
    if (own?.createdTopics.includes(topic.targetTopic)) continue
    const unknown = wanted ? wanted.unread : (options.captureTrouble ?? NOTHING_CAPTURED)
    if (!wanted || unknown !== null) {
      judged.push(judgeUnknown(topic, unknown ?? NOTHING_CAPTURED, policy))
      continue
    }
    const isHeld = (name: string) =>
      own?.heldSettings.some((setting) => setting.topic === topic.targetTopic && setting.name === name)
    const settings = told.get(topic.targetTopic)?.settings?.filter(({ name }) => !isHeld(name)) ?? null
    const found = await judgeSettings(cluster, topic, wanted, settings, { policy, isHolding, nowMs, held })
    const lacking = found.held.length > 0 && !held.some((setting) => setting.topic === topic.targetTopic)
    const refused = lacking ? refuseAccess(topic, operations.get(topic.targetTopic), ['alter_configs']) : []
    judged.push({ ...found, refusals: [...found.refusals, ...refused] })
  }
  const changes = judged.flatMap((entry) => entry.held)
  const isChanged = (own: HeldSetting) =>
    changes.some(({ topic, name }) => topic === own.topic && name === own.name)
  return {
    refusals: judged.flatMap(({ refusals }) => refusals),
    held: [...held.filter((own) => !isChanged(own)), ...changes],
    notes: judged.flatMap(({ notes }) => notes),
  }
}

/** Nothing to compare with: who wants no difference is not told that there is none. */
function judgeUnknown(
  topic: TopicRestorePlan,
  reason: string,
  policy: ExistingTopicConfigPolicy,
): JudgedSettings {
  if (policy === 'fail') {
    const message = `cannot be compared, the settings of its source are not known: ${reason}`
    return { refusals: [unsuitable(topic, message, REMEDY_UNKNOWN)], held: [], notes: [] }
  }
  const note: SettingNote = { ...UNKNOWN_NOTE, topic: topic.targetTopic, reason }
  return { refusals: [], held: [], notes: [note] }
}

/** A setting that the target does not know is no difference. `told`: all settings that the topic has. */
async function judgeSettings(
  cluster: Pick<Cluster, 'changeTopicSettings'>,
  topic: TopicRestorePlan,
  wanted: WantedTopic,
  told: TopicSettings['settings'],
  judgement: SettingsJudgement,
): Promise<JudgedSettings> {
  const differences = differencesOf(wanted, told ?? [])
  const noted = (own: readonly Difference[], reason: string | null = null): SettingNote[] =>
    own.map((difference) => ({ topic: topic.targetTopic, ...difference, kind: 'differs', reason }))
  switch (judgement.policy) {
    case 'keep':
      return { refusals: [], held: [], notes: noted(differences) }
    case 'fail': {
      if (differences.length === 0) return { refusals: [], held: [], notes: [] }
      const list = differences.map(({ name, value, captured }) => `${name}=${value} (source: ${captured})`)
      return { refusals: [unsuitable(topic, `has ${list.join(', ')}`, REMEDY)], held: [], notes: [] }
    }
    case 'apply': {
      const isDeletingAll = isAllDeleted(topic, wanted, judgement)
      const wishes = differences.filter(({ name }) => !(name === RETENTION_MS && isDeletingAll))
      const kept = differences.filter((difference) => !wishes.includes(difference))
      const changes = wishes.map((difference) => changeOf(topic, difference, judgement.held))
      const { taken, refused } = await takenChanges(cluster, changes)
      const notes = refused.flatMap(({ change, says }) =>
        noted(
          differences.filter(({ name }) => name === change.name),
          `the target refuses it: ${says}`,
        ),
      )
      return { refusals: [], held: taken, notes: [...noted(kept, DELETES_ALL), ...notes] }
    }
  }
}

function differencesOf(
  { overrides }: WantedTopic,
  told: NonNullable<TopicSettings['settings']>,
): Difference[] {
  return [...overrides].flatMap(([name, captured]) => {
    const value = told.find((own) => own.name === name)?.value ?? null
    return value === null || isSameValue(name, value, captured) ? [] : [{ name, value, captured }]
  })
}

/** A policy is a list without an order. */
function isSameValue(name: string, a: string, b: string): boolean {
  const normal = (text: string) => (name === CLEANUP_POLICY ? text.split(',').sort().join() : text)
  return normal(a) === normal(b)
}

function isAllDeleted(
  topic: TopicRestorePlan,
  { overrides }: WantedTopic,
  { isHolding, nowMs }: SettingsJudgement,
): boolean {
  const retentionMs = overrides.get(RETENTION_MS)
  if (isHolding || retentionMs === undefined) return false
  return wouldDeleteAll(topic, retentionMs, { cleanupPolicy: overrides.get(CLEANUP_POLICY), nowMs })
}

/** Made when everything is written: until then the topic is what the preflight has judged. */
function changeOf(
  { targetTopic }: TopicRestorePlan,
  { name, value, captured }: Difference,
  held: readonly HeldSetting[],
): HeldSetting {
  const own = held.find((setting) => setting.topic === targetTopic && setting.name === name)
  return { topic: targetTopic, name, held: own?.held ?? value, original: captured }
}

async function takenChanges(cluster: Pick<Cluster, 'changeTopicSettings'>, changes: readonly HeldSetting[]) {
  if ((await refusalOf(cluster, changes)) === null) return { taken: changes, refused: [] }
  const taken: HeldSetting[] = []
  const refused: { readonly change: HeldSetting; readonly says: string }[] = []
  for (const change of changes) {
    const refusal = await refusalOf(cluster, [change])
    if (refusal) refused.push({ change, says: refusal.message })
    else taken.push(change)
  }
  return { taken, refused }
}

/** A lack of rights is told by the row of access, with all others. */
async function refusalOf(
  cluster: Pick<Cluster, 'changeTopicSettings'>,
  changes: readonly HeldSetting[],
): Promise<KafkaBackupError | null> {
  try {
    await cluster.changeTopicSettings(
      changes.map(({ topic, name, original }) => ({ topic, name, value: original })),
      true,
    )
    return null
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_CLUSTER_PERMISSION')) return null
    if (isKafkaBackupError(error, 'KB_TARGET_UNSUITABLE')) return error
    throw error
  }
}
