import type { BrokerAddress, ClusterSurvey, PartitionDescription, TopicDescription } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { METADATA, type MetadataTopic } from './cluster-requests.ts'
import { brokerError } from './kafka-error.ts'

/** Everything one answer to Metadata tells. */
export interface ClusterMetadata extends ClusterSurvey {
  /** -1: not known. Brokers of KRaft name any broker, which passes requests on. */
  readonly controllerId: number
}

const NO_ERROR = 0
const UNKNOWN_TOPIC_OR_PARTITION = 3
const LEADER_NOT_AVAILABLE = 5
const INVALID_TOPIC_EXCEPTION = 17
const TOPIC_AUTHORIZATION_FAILED = 29

/** Fresh metadata of these topics, null for all that the account may see. Never creates a topic. */
export async function readMetadata(
  connections: ClusterConnections,
  topics: readonly string[] | null,
): Promise<ClusterMetadata> {
  const names = topics === null ? null : [...new Set(topics)]
  const answer = await connections.askAny(METADATA, names, false, false)
  const brokers = new Map(
    answer.brokers.map(({ nodeId, host, port }): [number, BrokerAddress] => [nodeId, { host, port }]),
  )
  connections.remember(brokers.values())
  const found: TopicDescription[] = []
  const absent = new Map<string, 'missing' | 'denied'>()
  for (const topic of answer.topics) {
    const name = topic.name ?? ''
    const reason = absenceOf(topic, name)
    if (reason === null) found.push(toDescription(topic, name))
    else absent.set(name, reason)
  }
  // An answer that says nothing of a topic does not know it.
  const told = new Set([...absent.keys(), ...found.map((topic) => topic.name)])
  for (const name of names ?? []) if (!told.has(name)) absent.set(name, 'missing')
  return {
    clusterId: answer.clusterId ?? '',
    controllerId: answer.controllerId,
    brokers,
    topics: found.sort((a, b) => (a.name < b.name ? -1 : 1)),
    absent,
  }
}

/** null: the topic is there. A name that no topic can have is one that is missing. */
function absenceOf({ errorCode }: MetadataTopic, name: string): 'missing' | 'denied' | null {
  switch (errorCode) {
    case NO_ERROR:
    case LEADER_NOT_AVAILABLE:
      return null
    case UNKNOWN_TOPIC_OR_PARTITION:
    case INVALID_TOPIC_EXCEPTION:
      return 'missing'
    case TOPIC_AUTHORIZATION_FAILED:
      return 'denied'
    default:
      throw brokerError(errorCode, `reading metadata of topic ${name}`, { topic: name })
  }
}

function toDescription(topic: MetadataTopic, name: string): TopicDescription {
  const partitions = topic.partitions.map((entry): PartitionDescription => {
    return {
      partition: entry.partitionIndex,
      leader: entry.leaderId,
      leaderEpoch: entry.leaderEpoch,
      replicas: entry.replicaNodes.length,
      inSyncReplicas: entry.isrNodes.length,
    }
  })
  return {
    name,
    topicId: kafkaTopicId(topic.topicId),
    isInternal: topic.isInternal,
    partitions: partitions.sort((a, b) => a.partition - b.partition),
    replicationFactor: topic.partitions[0]?.replicaNodes.length ?? 1,
  }
}

/** The library gives topic ids as hyphened hex; Kafka's tools print 22 characters of base64url. */
function kafkaTopicId(id: string): string | null {
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex')
  return bytes.length === 16 && bytes.some((byte) => byte !== 0) ? bytes.toString('base64url') : null
}
