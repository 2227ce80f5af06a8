import {
  brokerError,
  type Cluster,
  type ClusterSurvey,
  type EpochEnd,
  type EpochQuestion,
  KafkaBackupError,
  type OffsetKind,
  type OpenTransaction,
  type TopicPartition,
  type TopicSettings,
} from '@kafka-backup/core/internal'
import type { FaultPlan } from './faults.ts'
import type { PartitionLog } from './partition-log.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { SimulatedTopics } from './simulated-topics.ts'

/** What a backup asks a cluster for besides batches. */
export type ReadingCluster = Pick<
  Cluster,
  | 'topicNames'
  | 'describe'
  | 'survey'
  | 'listOffsets'
  | 'epochEnds'
  | 'openTransactions'
  | 'topicSettings'
  | 'consumerGroups'
  | 'close'
>

const UNKNOWN_TOPIC_OR_PARTITION = 3
const LEADER_NOT_AVAILABLE = 5

/** The cluster as one process sees it. */
export function simulatedCluster(
  topics: SimulatedTopics,
  process: SimulatedProcess,
  faults: FaultPlan,
): ReadingCluster {
  const ask = <T>(what: string, effect: () => T) => process.perform(what, effect, faults.brokerFate(what))
  return {
    topicNames: () => ask('topic names', () => [...topics.topics.keys()].sort()),
    describe: (names) =>
      ask('describing topics', () => {
        const { absent, ...description } = survey(topics, names)
        const missing = [...absent.keys()]
        if (missing.length === 0) return description
        throw new KafkaBackupError('KB_TOPIC_NOT_FOUND', `topics ${missing.join(', ')} do not exist`)
      }),
    survey: (names) => ask('surveying topics', () => survey(topics, names)),
    listOffsets: (kind, partitions) =>
      ask(`listing offsets`, () => answers(topics, partitions, (log) => offsetOf(log, kind))),
    epochEnds: (questions) => ask('asking for ends of epochs', () => epochEnds(topics, questions)),
    openTransactions: (partitions) => ask('asking for transactions', () => openOnes(topics, partitions)),
    topicSettings: (names, wanted) =>
      ask(
        'asking for settings',
        () => new Map(names.map((name) => [name, settingsOf(topics, name, wanted)])),
      ),
    consumerGroups: (known) =>
      ask('reading groups', () => {
        topics.onGroupsAsked()
        return topics.groups.read(topics.clusterId, known)
      }),
    close: async () => undefined,
  }
}

function survey(topics: SimulatedTopics, names: readonly string[]): ClusterSurvey {
  const found = names.flatMap((name) => topics.topics.get(name) ?? [])
  const missing = names.filter((name) => !topics.topics.has(name))
  return {
    clusterId: topics.clusterId,
    brokers: new Map([...topics.brokers].filter(([id]) => !topics.down.has(id))),
    topics: found.map((topic) => topics.describe(topic)).sort((a, b) => (a.name < b.name ? -1 : 1)),
    absent: new Map(missing.map((name) => [name, 'missing'])),
  }
}

/** One setting that every topic has, and one that stands at the topic where it is not the default. */
function settingsOf(topics: SimulatedTopics, name: string, wanted: readonly string[] | null): TopicSettings {
  const topic = topics.topics.get(name)
  if (!topic) return { settings: null, unread: 'UNKNOWN_TOPIC_OR_PARTITION' }
  const policy = topic.isCompacted
    ? ({ value: 'compact', source: 'topic' } as const)
    : ({ value: 'delete', source: 'default' } as const)
  const all = [
    { name: 'cleanup.policy', ...policy },
    { name: 'min.insync.replicas', value: '1', source: 'static' as const },
  ]
  return { settings: all.filter((setting) => wanted?.includes(setting.name) ?? true), unread: null }
}

function offsetOf(log: PartitionLog, kind: OffsetKind): bigint {
  if (kind === 'log_start') return log.startOffset
  return kind === 'last_stable' ? log.lastStableOffset : log.endOffset
}

function answers<T>(
  topics: SimulatedTopics,
  partitions: readonly TopicPartition[],
  answer: (log: PartitionLog) => T,
): Map<string, T> {
  return new Map(
    partitions.map((entry) => {
      const name = `${entry.topic}/${entry.partition}`
      const log = topics.logOf(entry)
      if (!log) throw brokerError(UNKNOWN_TOPIC_OR_PARTITION, `asking for ${name}`, { topic: entry.topic })
      if (topics.leaderOf(entry) < 0) throw brokerError(LEADER_NOT_AVAILABLE, `asking for ${name}`)
      return [name, answer(log)]
    }),
  )
}

/** Partitions without an answer are left out. */
function epochEnds(topics: SimulatedTopics, questions: readonly EpochQuestion[]): Map<string, EpochEnd> {
  const ends = new Map<string, EpochEnd>()
  for (const question of questions) {
    const log = topics.logOf(question)
    if (!log || topics.leaderOf(question) < 0) continue
    ends.set(`${question.topic}/${question.partition}`, log.endOfEpoch(question.leaderEpoch))
  }
  return ends
}

function openOnes(topics: SimulatedTopics, partitions: readonly TopicPartition[]): OpenTransaction[] {
  return partitions.flatMap(({ topic, partition }) =>
    [...(topics.logOf({ topic, partition })?.open.values() ?? [])].map(({ producerId, firstOffset }) => ({
      topic,
      partition,
      producerId,
      producerEpoch: 0,
      firstOffset,
      lastWriteAtMs: 0,
      transactionalId: null,
      beganAtMs: null,
      timeoutMs: null,
    })),
  )
}
