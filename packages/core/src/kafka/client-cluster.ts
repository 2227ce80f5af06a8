import { Admin, type ClusterMetadata, type ClusterTopicMetadata } from '@platformatic/kafka'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { retry } from '../runtime/retry.ts'
import { translateClientError } from './client-error.ts'
import {
  type Cluster,
  type ClusterAddress,
  type ClusterDescription,
  type NewTopic,
  type OffsetKind,
  partitionName,
  type TopicDescription,
  type TopicPartition,
} from './cluster.ts'

const CONNECT_TIMEOUT_MS = 5_000
const REQUEST_TIMEOUT_MS = 15_000
const TOPIC_RESOURCE = 2 as const
const LEADER_WAIT = { firstDelayMs: 50, maxDelayMs: 500, giveUpAfterMs: 30_000 }

/** The cluster through the client library: connections, metadata, offsets and administration are its work. */
export function openCluster(address: ClusterAddress): Cluster {
  const admin = new Admin({
    clientId: address.clientId,
    bootstrapBrokers: [...address.bootstrapServers],
    connectTimeout: CONNECT_TIMEOUT_MS,
    timeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Retries are ours (runtime/retry.ts): they obey the signal and end with our errors.
    retries: 0,
    autocreateTopics: false,
  })
  const where = address.bootstrapServers.join(',')
  const metadata = async (topics: readonly string[]): Promise<ClusterMetadata> => {
    try {
      return await admin.metadata({ topics: [...topics], forceUpdate: true, autocreateTopics: false })
    } catch (error) {
      throw translateClientError(error, `reading metadata from ${where}`)
    }
  }
  const topicNames = async (): Promise<string[]> => {
    const names = await translated(`listing topics on ${where}`, () =>
      admin.listTopics({ includeInternals: true }),
    )
    return names.sort()
  }
  const describe = async (topics: readonly string[]): Promise<ClusterDescription> => {
    if (topics.length > 0) assertNoneMissing(topics, await topicNames(), where)
    return toDescription(await metadata(topics))
  }
  return {
    topicNames,
    describe,
    listOffsets: (kind, partitions) => listOffsets(admin, kind, partitions),
    topicConfigs: (topics, names) => topicConfigs(admin, topics, names),
    async createTopics(topics, signal) {
      for (const topic of topics) await createTopic(admin, topic)
      const names = topics.map((topic) => topic.name)
      await retry(async () => assertLeaders(toDescription(await metadata(names))), {
        policy: LEADER_WAIT,
        ...(signal ? { signal } : {}),
      })
    },
    async close() {
      await admin.close()
    },
  }
}

async function translated<T>(doing: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    throw translateClientError(error, doing)
  }
}

function assertNoneMissing(wanted: readonly string[], existing: readonly string[], where: string): void {
  const known = new Set(existing)
  const missing = wanted.filter((name) => !known.has(name))
  if (missing.length === 0) return
  const [first = ''] = missing
  const what =
    missing.length === 1
      ? `topic "${first}" does`
      : `topics ${missing.map((name) => `"${name}"`).join(', ')} do`
  throw new KafkaBackupError('KB_TOPIC_NOT_FOUND', `${what} not exist on ${where}`, {
    context: { topic: first },
  })
}

function toDescription(metadata: ClusterMetadata): ClusterDescription {
  const found: readonly (readonly [string, ClusterTopicMetadata | undefined])[] = [...metadata.topics]
  const topics = found.map(([name, topic]): TopicDescription => {
    // The library leaves out what the brokers keep for themselves.
    if (topic === undefined) {
      throw new KafkaBackupError('KB_CONFIG_UNSUPPORTED', `topic "${name}" is internal to the brokers`, {
        context: { topic: name },
      })
    }
    return {
      name,
      topicId: kafkaTopicId(topic.id),
      partitions: topic.partitions.map((entry, partition) => ({
        partition,
        leader: entry.leader,
        leaderEpoch: entry.leaderEpoch,
      })),
      replicationFactor: topic.partitions[0]?.replicas.length ?? 1,
    }
  })
  return {
    clusterId: metadata.id,
    brokers: metadata.brokers,
    topics: topics.sort((a, b) => (a.name < b.name ? -1 : 1)),
  }
}

/** The library gives topic ids as hyphened hex; Kafka's tools print 22 characters of base64url. */
function kafkaTopicId(id: string): string | null {
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex')
  return bytes.length === 16 && bytes.some((byte) => byte !== 0) ? bytes.toString('base64url') : null
}

async function listOffsets(
  admin: Admin,
  kind: OffsetKind,
  partitions: readonly TopicPartition[],
): Promise<Map<string, bigint>> {
  const byTopic = new Map<string, { partitionIndex: number; timestamp: bigint }[]>()
  for (const { topic, partition } of partitions) {
    const entries = byTopic.get(topic) ?? []
    entries.push({ partitionIndex: partition, timestamp: kind === 'log_start' ? -2n : -1n })
    byTopic.set(topic, entries)
  }
  if (byTopic.size === 0) return new Map()
  const answer = await translated('listing offsets', () =>
    admin.listOffsets({
      topics: [...byTopic].map(([name, entries]) => ({ name, partitions: entries })),
      isolationLevel: kind === 'last_stable' ? 1 : 0,
    }),
  )
  const offsets = new Map<string, bigint>()
  for (const topic of answer) {
    for (const entry of topic.partitions) {
      offsets.set(partitionName({ topic: topic.name, partition: entry.partitionIndex }), entry.offset)
    }
  }
  return offsets
}

async function topicConfigs(
  admin: Admin,
  topics: readonly string[],
  names: readonly string[],
): Promise<Map<string, ReadonlyMap<string, string>>> {
  if (topics.length === 0) return new Map()
  const resources = topics.map((resourceName) => ({
    resourceType: TOPIC_RESOURCE,
    resourceName,
    configurationKeys: [...names],
  }))
  const answer = await translated('reading topic settings', () =>
    admin.describeConfigs({ resources, includeSynonyms: false, includeDocumentation: false }),
  )
  return new Map(
    answer.map((resource) => [
      resource.resourceName,
      new Map(
        resource.configs.flatMap((entry) =>
          entry.value == null ? [] : [[entry.name, entry.value] as const],
        ),
      ),
    ]),
  )
}

async function createTopic(admin: Admin, topic: NewTopic): Promise<void> {
  await translated(`creating topic ${topic.name}`, () =>
    admin.createTopics({
      topics: [topic.name],
      partitions: topic.partitions,
      replicas: topic.replicationFactor,
      configs: [...topic.configs].map(([name, value]) => ({ name, value })),
    }),
  )
}

function assertLeaders(description: ClusterDescription): void {
  for (const topic of description.topics) {
    const leaderless = topic.partitions.find((entry) => entry.leader < 0)
    if (leaderless) {
      throw new KafkaBackupError(
        'KB_BROKER_TRANSIENT',
        `${topic.name}/${leaderless.partition} has no leader yet`,
      )
    }
  }
}
