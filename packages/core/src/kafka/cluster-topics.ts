import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type RetryPolicy, retry } from '../runtime/retry.ts'
import type { BrokerLink } from './broker-connections.ts'
import { type BrokerAddress, type NewTopic, partitionName, type TopicTrial } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { readMetadata } from './cluster-metadata.ts'
import {
  type ConfigQuestion,
  CREATE_TOPICS,
  type CreateAnswer,
  DESCRIBE_CONFIGS,
} from './cluster-requests.ts'
import { brokerError } from './kafka-error.ts'
import { askBroker } from './library-request.ts'

const TOPIC_RESOURCE = 2
const UNKNOWN_SERVER_ERROR = -1
const UNKNOWN_TOPIC_OR_PARTITION = 3
const LEADER_NOT_AVAILABLE = 5
const BROKER_NOT_AVAILABLE = 8
const TOPIC_AUTHORIZATION_FAILED = 29
/** Refusals that may pass and are known to have created nothing. */
const UNTOUCHED: ReadonlySet<string> = new Set(['NOT_CONTROLLER', 'THROTTLING_QUOTA_EXCEEDED'])
/** For the controller's own work; shorter than the patience with its answer. */
const CREATE_TIMEOUT_MS = 12_000
const CONTROLLER_RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 5_000 }
const LEADER_WAIT: RetryPolicy = { firstDelayMs: 50, maxDelayMs: 500, giveUpAfterMs: 30_000 }

/** Source of a setting that stands at the topic itself. */
const TOPIC_CONFIG = 1

/** Values of the named settings of each topic; settings without a value are left out. */
export async function topicConfigs(
  connections: ClusterConnections,
  topics: readonly string[],
  names: readonly string[],
  isOverrideOnly = false,
): Promise<Map<string, ReadonlyMap<string, string>>> {
  if (topics.length === 0) return new Map()
  const resources = topics.map((resourceName): ConfigQuestion => {
    return { resourceType: TOPIC_RESOURCE, resourceName, configurationKeys: [...names] }
  })
  const { results } = await connections.askAny(DESCRIBE_CONFIGS, resources, false, false)
  const values = new Map<string, ReadonlyMap<string, string>>()
  for (const { errorCode, errorMessage, resourceName: topic, configs } of results) {
    if (errorCode !== 0) {
      throw brokerError(errorCode, `reading the settings of topic ${topic}`, {
        topic,
        says: errorMessage ?? null,
      })
    }
    const present = configs.flatMap(({ name, value, configSource }): [string, string][] =>
      value == null || (isOverrideOnly && configSource !== TOPIC_CONFIG) ? [] : [[name, value]],
    )
    values.set(topic, new Map(present))
  }
  return values
}

/** Creates the topics one after the other, then waits for their leaders. */
export async function createTopics(
  connections: ClusterConnections,
  topics: readonly NewTopic[],
  signal?: AbortSignal,
): Promise<void> {
  const signals = AbortSignal.any([connections.signal, ...(signal ? [signal] : [])])
  for (const topic of topics) await createTopic(connections, topic, signals)
  const names = topics.map((topic) => topic.name)
  await retry(() => assertLeaders(connections, names), { policy: LEADER_WAIT, signal: signals })
}

async function createTopic(
  connections: ClusterConnections,
  topic: NewTopic,
  signal: AbortSignal,
): Promise<void> {
  const attempt = async (): Promise<KafkaBackupError | null> => {
    const link = await connections.link(await controllerOf(connections))
    const { failure: refusal } = await requestTopic(link, topic, false)
    if (refusal && UNTOUCHED.has(refusal.context.kafkaError ?? '')) throw refusal
    return refusal
  }
  const refusal = await retry(attempt, { policy: CONTROLLER_RETRY, signal })
  if (refusal) throw refusal
}

/** Whether these topics could be created, and what settings they would have. */
export async function tryTopics(
  connections: ClusterConnections,
  topics: readonly NewTopic[],
): Promise<TopicTrial[]> {
  const trials: TopicTrial[] = []
  for (const topic of topics) {
    const link = await connections.link(await controllerOf(connections))
    trials.push(await requestTopic(link, topic, true))
  }
  return trials
}

/**
 * Failures are values, because a request whose answer was lost must not be repeated: the topic may exist by
 * now, and would be taken for somebody else's.
 */
async function requestTopic(link: BrokerLink, topic: NewTopic, isTrial: boolean): Promise<TopicTrial> {
  const { name, partitions: numPartitions, replicationFactor } = topic
  const configs = [...topic.configs].map(([key, value]) => ({ name: key, value }))
  const doing = `creating topic ${name}`
  try {
    const question = { name, numPartitions, replicationFactor, assignments: [] as [], configs }
    const { topics } = await askBroker(link, CREATE_TOPICS, [[question], CREATE_TIMEOUT_MS, isTrial])
    const [answer = { name, errorCode: UNKNOWN_SERVER_ERROR }] = topics
    const { errorCode, errorMessage } = answer
    const says = errorMessage ?? null
    const failure = errorCode === 0 ? null : brokerError(errorCode, doing, { topic: name, says })
    return { topic: name, failure, settings: failure ? null : settingsOf(answer) }
  } catch (error) {
    if (!isKafkaBackupError(error)) throw error
    const failure = new KafkaBackupError(error.code, `${doing}: ${error.message}`, {
      cause: error,
      context: { ...error.context, topic: name },
      hint: error.hint,
    })
    return { topic: name, failure, settings: null }
  }
}

function settingsOf({ configs }: CreateAnswer['topics'][number]): ReadonlyMap<string, string> | null {
  if (!configs || configs.length === 0) return null
  return new Map(configs.flatMap(({ name, value }) => (value == null ? [] : [[name, value] as const])))
}

/** Brokers of KRaft pass the request on; with ZooKeeper only the controller takes it. */
export async function controllerOf(connections: ClusterConnections): Promise<BrokerAddress> {
  const { brokers, controllerId } = await readMetadata(connections, [])
  const [anyBroker] = brokers.values()
  const controller = brokers.get(controllerId) ?? anyBroker
  if (!controller) throw brokerError(BROKER_NOT_AVAILABLE, 'looking for the controller')
  return controller
}

/** A broker answers CreateTopics before it has the topic in its own metadata. */
async function assertLeaders(connections: ClusterConnections, names: readonly string[]): Promise<void> {
  const { topics, absent } = await readMetadata(connections, names)
  for (const [topic, reason] of absent) {
    const kafkaCode = reason === 'denied' ? TOPIC_AUTHORIZATION_FAILED : UNKNOWN_TOPIC_OR_PARTITION
    throw brokerError(kafkaCode, `waiting for topic ${topic}`, { topic })
  }
  for (const { name: topic, partitions } of topics) {
    const leaderless = partitions.find((entry) => entry.leader < 0)
    if (leaderless || partitions.length === 0) {
      const partition = leaderless?.partition ?? 0
      const where = partitionName({ topic, partition })
      throw brokerError(LEADER_NOT_AVAILABLE, `waiting for the leader of ${where}`, { topic, partition })
    }
  }
}
