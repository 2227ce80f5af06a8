import { openCluster } from '@kafka-backup/core'
import type { KafkaCluster } from '@kafka-backup/testkit'

/** A topic to create; one replica unless told. */
export interface TopicSpec {
  readonly partitions: number
  readonly replicationFactor?: number
  readonly config?: Readonly<Record<string, string>>
}

/** Creates many topics over one connection: Kafka's own tool would need a JVM for each. */
export async function createTopics(
  cluster: Pick<KafkaCluster, 'bootstrapServers'>,
  topics: Readonly<Record<string, TopicSpec>>,
): Promise<void> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-setup' })
  try {
    const specs = Object.entries(topics).map(([name, spec]) => ({
      name,
      partitions: spec.partitions,
      replicationFactor: spec.replicationFactor ?? -1,
      configs: new Map(Object.entries(spec.config ?? {})),
    }))
    await client.createTopics(specs)
  } finally {
    await client.close()
  }
}

/** What the brokers say of a topic now. */
export async function describeTopic(cluster: Pick<KafkaCluster, 'bootstrapServers'>, topic: string) {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-setup' })
  try {
    const [description] = (await client.describe([topic])).topics
    if (!description) throw new Error(`there is no topic ${topic}`)
    return description
  } finally {
    await client.close()
  }
}

/** Id of the broker that leads a partition. */
export async function leaderOf(
  cluster: Pick<KafkaCluster, 'bootstrapServers'>,
  topic: string,
  partition: number,
): Promise<number> {
  const { partitions } = await describeTopic(cluster, topic)
  const leader = partitions.find((entry) => entry.partition === partition)?.leader ?? -1
  if (leader < 0) throw new Error(`${topic}/${partition} has no leader`)
  return leader
}
