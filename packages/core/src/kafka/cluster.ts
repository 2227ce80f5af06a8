/** Where a cluster is. Secrets and TLS come with the security section. */
export interface ClusterAddress {
  readonly bootstrapServers: readonly string[]
  readonly clientId: string
}

/** A broker as clients reach it. */
export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** One partition. `leader` is -1 while there is none. */
export interface PartitionDescription {
  readonly partition: number
  readonly leader: number
  readonly leaderEpoch: number
}

/** One topic. `topicId` is Kafka's 22-character form, null on brokers without topic ids. */
export interface TopicDescription {
  readonly name: string
  readonly topicId: string | null
  readonly partitions: readonly PartitionDescription[]
  readonly replicationFactor: number
}

/** What a cluster says of itself. */
export interface ClusterDescription {
  readonly clusterId: string
  readonly brokers: ReadonlyMap<number, BrokerAddress>
  readonly topics: readonly TopicDescription[]
}

/** Which offset of a partition is asked for. */
export type OffsetKind = 'log_start' | 'high_watermark' | 'last_stable'

/** A partition by name. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A topic to create. */
export interface NewTopic {
  readonly name: string
  readonly partitions: number
  /** -1: the cluster's default. */
  readonly replicationFactor: number
  readonly configs: ReadonlyMap<string, string>
}

/**
 * Metadata and administration of one cluster. Every call throws KB_CLUSTER_UNREACHABLE when no broker answers, and
 * KB_CLUSTER_PERMISSION when the account may not; none retries for longer than a few seconds.
 */
export interface Cluster {
  /** Names of all topics, internal ones included, sorted. */
  topicNames(): Promise<string[]>
  /** Fresh metadata. Never creates a topic. @throws KB_TOPIC_NOT_FOUND with all missing names */
  describe(topics: readonly string[]): Promise<ClusterDescription>
  /** Offsets by `topic/partition`. `last_stable` equals the high watermark without open transactions. */
  listOffsets(kind: OffsetKind, partitions: readonly TopicPartition[]): Promise<Map<string, bigint>>
  /** Values of the named settings of each topic. */
  topicConfigs(
    topics: readonly string[],
    names: readonly string[],
  ): Promise<Map<string, ReadonlyMap<string, string>>>
  /** Creates topics and waits until every partition has a leader. @throws KB_TARGET_UNSUITABLE when one exists */
  createTopics(topics: readonly NewTopic[], signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** `orders/3` */
export function partitionName(entry: TopicPartition): string {
  return `${entry.topic}/${entry.partition}`
}
