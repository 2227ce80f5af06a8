import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { IsolationLevel } from '../format/commit.ts'
import {
  type Cluster,
  type ClusterDescription,
  partitionName,
  type TopicDescription,
  type TopicPartition,
} from '../kafka/cluster.ts'
import { askEpochEnd } from '../repository/ask-epoch-end.ts'
import {
  confirms,
  type EpochHistory,
  epochHistoryOf,
  findCommonEnd,
  lastEpochOf,
} from '../repository/epoch-history.ts'
import type { Clock } from '../runtime/clock.ts'
import { type Random, systemRandom } from '../runtime/random.ts'
import { retry } from '../runtime/retry.ts'
import { type BackupPlan, planBackup } from './backup-plan.ts'

const CLEANUP_POLICY = 'cleanup.policy'
const DENIED = 'TOPIC_AUTHORIZATION_FAILED'

/** What a backup is to read. */
export interface BackupChoice {
  readonly topics: readonly string[]
  readonly isChosen: (topic: string, partition: number) => boolean
  readonly isolation: IsolationLevel
}

// A cluster that was just started answers some requests with transient errors.
const PREPARE_RETRY = { firstDelayMs: 200, maxDelayMs: 1_000, giveUpAfterMs: 10_000 }

/**
 * Asks the cluster for everything a plan needs, with the snapshot target taken last, so that all that was acknowledged
 * before is below it. @throws KB_TOPIC_NOT_FOUND, KB_CLUSTER_*, and what {@link planBackup} refuses
 */
export function prepareBackup(
  cluster: Cluster,
  state: BackupState,
  choice: BackupChoice,
  clock: Clock,
  signal: AbortSignal,
  random: Random = systemRandom,
): Promise<BackupPlan> {
  return retry(() => prepareOnce(cluster, state, choice, clock), {
    policy: PREPARE_RETRY,
    clock,
    random,
    signal,
  })
}

async function prepareOnce(
  cluster: Cluster,
  state: BackupState,
  choice: BackupChoice,
  clock: Clock,
): Promise<BackupPlan> {
  const description = await cluster.describe(choice.topics)
  assertLeaders(description.topics, choice)
  return planDescribed(cluster, state, { ...choice, description }, clock)
}

/** The same for topics that were described already; every chosen partition must have a leader. */
export async function planDescribed(
  cluster: Cluster,
  state: BackupState,
  choice: Omit<BackupChoice, 'topics'> & { readonly description: ClusterDescription },
  clock: Clock,
): Promise<BackupPlan> {
  const { description } = choice
  const partitions = description.topics.flatMap((topic) => chosenPartitions(topic, choice))
  const topics = description.topics.map(({ name }) => name)
  const compactedTopics = await findCompactedTopics(cluster, state, topics)
  const commonEnds = await findCommonEnds(cluster, state, partitions)
  const targetAtMs = clock.nowMs()
  const highWatermarks = await cluster.listOffsets('high_watermark', partitions)
  const logStarts = await cluster.listOffsets('log_start', partitions)
  return planBackup({
    state,
    description,
    isolation: choice.isolation,
    isChosen: choice.isChosen,
    logStarts,
    highWatermarks,
    commonEnds,
    compactedTopics,
    targetAtMs,
  })
}

function chosenPartitions(topic: TopicDescription, choice: Pick<BackupChoice, 'isChosen'>): TopicPartition[] {
  return topic.partitions
    .filter(({ partition }) => choice.isChosen(topic.name, partition))
    .map(({ partition }) => ({ topic: topic.name, partition }))
}

/**
 * A topic whose settings the account may not see counts as compacted when the backup holds holes of it, and as one that is not otherwise:
 * then what is missing in its log is declared.
 */
async function findCompactedTopics(
  cluster: Cluster,
  state: BackupState,
  topics: readonly string[],
): Promise<Set<string>> {
  const told = await cluster.topicSettings(topics, [CLEANUP_POLICY])
  const compacted = topics.filter((topic) => {
    const { settings = null, unread = null } = told.get(topic) ?? {}
    if (settings)
      return settings.some(({ name, value }) => name === CLEANUP_POLICY && value?.includes('compact'))
    if (unread !== DENIED) throw settingsMissing(topic, unread)
    return state
      .partitions()
      .some((own) => own.topic === topic && own.parts.some(({ part }) => part.holes.length > 0))
  })
  return new Set(compacted)
}

/** A topic that was just created, or is gone again. */
function settingsMissing(topic: string, unread: string | null): KafkaBackupError {
  const said = unread === null ? 'nothing was answered' : `the broker answered ${unread}`
  return new KafkaBackupError('KB_BROKER_TRANSIENT', `reading the settings of topic ${topic}: ${said}`, {
    context: { topic },
  })
}

/** Partitions whose leader does not confirm what the backup holds, and up to where both are one. */
async function findCommonEnds(
  cluster: Cluster,
  state: BackupState,
  partitions: readonly TopicPartition[],
): Promise<Map<string, bigint>> {
  const known = new Map<string, { readonly entry: TopicPartition; readonly history: EpochHistory }>()
  for (const entry of partitions) {
    const partition = state.partition(entry.topic, entry.partition)
    const history = partition && epochHistoryOf(partition)
    if (history && lastEpochOf(history) >= 0) known.set(partitionName(entry), { entry, history })
  }
  const answers = await cluster.epochEnds(
    [...known.values()].map(({ entry, history }) => ({ ...entry, leaderEpoch: lastEpochOf(history) })),
  )
  const commonEnds = new Map<string, bigint>()
  for (const [name, answer] of answers) {
    const asked = known.get(name)
    if (!asked || confirms(asked.history, answer)) continue
    const commonEnd = await findCommonEnd(asked.history, askEpochEnd(cluster, asked.entry))
    if (commonEnd !== null && commonEnd < asked.history.nextOffset) commonEnds.set(name, commonEnd)
  }
  return commonEnds
}

function assertLeaders(topics: readonly TopicDescription[], choice: BackupChoice): void {
  for (const topic of topics) {
    for (const entry of topic.partitions) {
      if (entry.leader >= 0 || !choice.isChosen(topic.name, entry.partition)) continue
      throw new KafkaBackupError('KB_BROKER_TRANSIENT', `${topic.name}/${entry.partition} has no leader`, {
        context: { topic: topic.name, partition: entry.partition },
      })
    }
  }
}
