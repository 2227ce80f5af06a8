import { type RetryPolicy, retry } from '../runtime/retry.ts'
import { type DeletionBound, partitionName, type TopicOperation, type TopicSettingChange } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { askLeaders, byTopic, type LeaderShare } from './cluster-leaders.ts'
import { ALTER_CONFIGS, type ConfigResource, DELETE_RECORDS, METADATA } from './cluster-requests.ts'
import { controllerOf } from './cluster-topics.ts'
import { brokerError } from './kafka-error.ts'

const TOPIC_RESOURCE = 2
const SET = 0
const REMOVE = 1
const DELETE_TIMEOUT_MS = 12_000
const LEADER_RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 10_000 }
/** Positions of the bits (org.apache.kafka.common.acl.AclOperation). */
const OPERATION_BITS: readonly (readonly [TopicOperation, number])[] = [
  ['read', 3],
  ['write', 4],
  ['delete', 6],
  ['describe', 8],
  ['describe_configs', 10],
  ['alter_configs', 11],
]
/** What a broker answers that was not asked, or does not know the question. */
const NOT_TOLD = -(2 ** 31)

/** What the account may do with each topic; topics of which nothing is told are left out. */
export async function topicOperations(
  connections: ClusterConnections,
  topics: readonly string[],
): Promise<Map<string, ReadonlySet<TopicOperation>>> {
  if (topics.length === 0) return new Map()
  const answer = await connections.askAny(METADATA, [...topics], false, true)
  const told = new Map<string, ReadonlySet<TopicOperation>>()
  for (const { name, topicAuthorizedOperations: bits } of answer.topics) {
    if (bits === undefined || bits === NOT_TOLD || name == null) continue
    told.set(
      name,
      new Set(OPERATION_BITS.flatMap(([operation, bit]) => (bits & (1 << bit) ? [operation] : []))),
    )
  }
  return told
}

/** Sets or removes settings of topics; settings that are not named stay as they are (KIP-339). */
export async function changeTopicSettings(
  connections: ClusterConnections,
  changes: readonly TopicSettingChange[],
  isTrial: boolean,
): Promise<void> {
  if (changes.length === 0) return
  const resources = byTopicName(changes).map(([resourceName, own]) => ({
    resourceType: TOPIC_RESOURCE,
    resourceName,
    configs: own.map(({ name, value }) =>
      value === null ? { name, configOperation: REMOVE as 1 } : { name, configOperation: SET as 0, value },
    ),
  })) as ConfigResource[]
  const controller = await controllerOf(connections)
  const { responses } = await connections.ask(controller, ALTER_CONFIGS, resources, isTrial)
  for (const { errorCode, errorMessage, resourceName: topic } of responses) {
    if (errorCode === 0) continue
    throw brokerError(errorCode, `changing settings of topic ${topic}`, { topic, says: errorMessage ?? null })
  }
}

/** Moves log starts up. The same bound may be asked for again. */
export async function deleteRecords(
  connections: ClusterConnections,
  bounds: readonly DeletionBound[],
): Promise<void> {
  let left = bounds
  const deleteOnce = async (): Promise<void> => {
    const answers = await askLeaders(connections, 'deleting records', left, (share) =>
      askLeader(connections, share),
    )
    const failures = [...answers.values()].flatMap((answer) => ('error' in answer ? [answer.error] : []))
    left = left.filter((entry) => {
      const answer = answers.get(partitionName(entry))
      return !answer || 'error' in answer
    })
    if (failures.length > 0) throw failures.find((failure) => !failure.retryable) ?? failures[0]
  }
  await retry(deleteOnce, { policy: LEADER_RETRY, signal: connections.signal })
}

async function askLeader(connections: ClusterConnections, { leader, entries }: LeaderShare<DeletionBound>) {
  const topics = byTopic(entries).map(([name, own]) => ({
    name,
    partitions: own.map(({ partition, offset }) => ({ partitionIndex: partition, offset })),
  }))
  const answer = await connections.ask(leader, DELETE_RECORDS, topics, DELETE_TIMEOUT_MS)
  return answer.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, errorCode, lowWatermark }) => {
      return { topic: name, partition: partitionIndex, errorCode, value: lowWatermark }
    }),
  )
}

function byTopicName(changes: readonly TopicSettingChange[]): [string, TopicSettingChange[]][] {
  return [...Map.groupBy(changes, ({ topic }) => topic)]
}
