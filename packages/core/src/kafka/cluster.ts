import type { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { ClusterFacts } from './cluster-facts.ts'
import type { ConsumerGroups } from './consumer-group.ts'
import type { ClusterSecurity } from './security.ts'

/** Where a cluster is, and how one is let in. */
export interface ClusterAddress {
  readonly bootstrapServers: readonly string[]
  readonly clientId: string
  /** Absent: plain connections without an account. */
  readonly security?: ClusterSecurity
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
  /** Assigned ones, the leader included. */
  readonly replicas: number
  /** Those of them that have everything. */
  readonly inSyncReplicas: number
}

/** One topic. `topicId` is Kafka's 22-character form, null on brokers without topic ids. */
export interface TopicDescription {
  readonly name: string
  readonly topicId: string | null
  /** The brokers keep it for themselves, such as `__consumer_offsets`. */
  readonly isInternal: boolean
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

/** What could be learned of topics that were asked for; nothing of it is an error. */
export interface ClusterSurvey extends ClusterDescription {
  /** Topics that were asked for and are not in `topics`: there is none of that name, or the account may not see it. */
  readonly absent: ReadonlyMap<string, 'missing' | 'denied'>
}

/** Where a leader's history of an epoch ends: `leaderEpoch` is the largest one that is not above the one asked for. */
export interface EpochEnd {
  /** -1: the leader knows no epoch as old as the one asked for. */
  readonly leaderEpoch: number
  /** Exclusive; -1 together with the epoch. */
  readonly endOffset: bigint
}

/** A partition and the epoch whose end is asked for. */
export interface EpochQuestion extends TopicPartition {
  readonly leaderEpoch: number
}

/** A partition and the time that is looked for in it, in milliseconds, zero or more. */
export interface TimeQuestion extends TopicPartition {
  readonly timestampMs: bigint
}

/** A transaction that has neither been committed nor aborted, and so holds back the last stable offset. */
export interface OpenTransaction extends TopicPartition {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** Offset of its first record in this partition. */
  readonly firstOffset: bigint
  /** When the producer last wrote to this partition, by the clock of the records. */
  readonly lastWriteAtMs: number
  /** null: the brokers did not tell (permission, or a version before 3.0). */
  readonly transactionalId: string | null
  /** When the transaction began, by the coordinator's clock; null: not told. */
  readonly beganAtMs: number | null
  /** The coordinator aborts it when it has been open for so long; null: not told, or it does not know the transaction. */
  readonly timeoutMs: number | null
}

/** A topic to create. */
export interface NewTopic {
  readonly name: string
  readonly partitions: number
  /** -1: the cluster's default. */
  readonly replicationFactor: number
  readonly configs: ReadonlyMap<string, string>
}

/** What came of trying to create a topic; it was not. */
export interface TopicTrial {
  readonly topic: string
  /** Why it could not be; null: it could. */
  readonly failure: KafkaBackupError | null
  /** All settings that it would have, the cluster's defaults included (KIP-525); null: not told. */
  readonly settings: ReadonlyMap<string, string> | null
}

/** What an account may do with a topic; the names are Kafka's. */
export type TopicOperation = 'read' | 'write' | 'delete' | 'describe' | 'describe_configs' | 'alter_configs'

/**
 * Where a setting stands: at the `topic`, at a `broker`, at the `cluster` (dynamic default of all brokers), in the `static` file of a
 * broker, or nowhere (`default` of Kafka, or not told).
 */
export type SettingSource = 'topic' | 'broker' | 'cluster' | 'static' | 'default'

/** A setting of a topic and its effective value. */
export interface TopicSetting {
  readonly name: string
  /** null: kept secret, or there is none. */
  readonly value: string | null
  readonly source: SettingSource
}

/** What a cluster tells of the settings of one topic. */
export interface TopicSettings {
  /** Ascending by name; null: they could not be read. */
  readonly settings: readonly TopicSetting[] | null
  /** Why not, by Kafka's name of the error, such as `TOPIC_AUTHORIZATION_FAILED`; null: they were read. */
  readonly unread: string | null
}

/** A setting of a topic: a new value, or null to remove it, so that the broker's default counts. */
export interface TopicSettingChange {
  readonly topic: string
  readonly name: string
  readonly value: string | null
}

/** A log start to move up to `offset`. */
export interface DeletionBound extends TopicPartition {
  readonly offset: bigint
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
  /** The same for topics that may be gone or forbidden by now. */
  survey(topics: readonly string[]): Promise<ClusterSurvey>
  /** Offsets by `topic/partition`. `last_stable` equals the high watermark without open transactions. */
  listOffsets(kind: OffsetKind, partitions: readonly TopicPartition[]): Promise<Map<string, bigint>>
  /**
   * Offset of the first record of this time or later, committed or not, by `topic/partition`; null: there is none. At most one question for
   * each partition.
   */
  offsetsAtTimes(questions: readonly TimeQuestion[]): Promise<Map<string, bigint | null>>
  /**
   * What each leader answers to OffsetForLeaderEpoch (KIP-101, KIP-320), by `topic/partition`. A partition is left out when
   * its leader does not speak the request, or has no answer for it now.
   */
  epochEnds(questions: readonly EpochQuestion[]): Promise<Map<string, EpochEnd>>
  /**
   * Transactions that are open on these partitions (DescribeProducers, KIP-664), with what the coordinators say of them. Empty
   * where the brokers do not speak the request or do not allow it.
   */
  openTransactions(partitions: readonly TopicPartition[]): Promise<OpenTransaction[]>
  /**
   * All groups that the account may see, and those of `known` that are not listed, with what they have committed. Nothing that
   * concerns single groups or brokers is an error. Takes `LIMITS.groupPatienceMs` at most.
   */
  consumerGroups(known: readonly string[], signal?: AbortSignal): Promise<ConsumerGroups>
  /** Brokers, features, ACLs, quotas and SCRAM users; what may not be read of it is no error. */
  clusterFacts(): Promise<ClusterFacts>
  /** Values of the named settings of each topic. */
  topicConfigs(
    topics: readonly string[],
    names: readonly string[],
  ): Promise<Map<string, ReadonlyMap<string, string>>>
  /** The same, only for settings that stand at the topic itself. */
  topicOverrides(
    topics: readonly string[],
    names: readonly string[],
  ): Promise<Map<string, ReadonlyMap<string, string>>>
  /** Settings of each topic: the named ones, or all (null). A topic that may not be read leaves the others as they are. */
  topicSettings(
    topics: readonly string[],
    names: readonly string[] | null,
  ): Promise<Map<string, TopicSettings>>
  /** What each broker has for one of its own settings, by its id; those that are gone or do not tell are left out. */
  brokerSetting(name: string): Promise<Map<number, string>>
  /**
   * Which of these brokers want no more replicas in sync than a partition has, whatever its `min.insync.replicas` says: those of
   * Kafka 3.7 and later.
   */
  cappingBrokers(brokers: readonly number[]): Promise<ReadonlySet<number>>
  /** What the account may do with each topic (KIP-430); a topic is left out where the brokers do not tell. */
  topicOperations(topics: readonly string[]): Promise<Map<string, ReadonlySet<TopicOperation>>>
  /** Sets or removes settings; with `isTrial` it is only checked. @throws KB_CLUSTER_PERMISSION, KB_TARGET_UNSUITABLE */
  changeTopicSettings(changes: readonly TopicSettingChange[], isTrial: boolean): Promise<void>
  /** Deletes what lies below the given offsets. @throws KB_CLUSTER_PERMISSION, KB_OFFSET_OUT_OF_RANGE beyond the end */
  deleteRecords(bounds: readonly DeletionBound[]): Promise<void>
  /**
   * Has the leader append so many transaction markers of a producer that no broker has given out: each takes one offset, and no
   * consumer sees anything. Sent once: without an answer, some may be there. @throws KB_CLUSTER_PERMISSION, KB_BROKER_*
   */
  appendMarkers(
    series: TopicPartition & { readonly producerId: bigint; readonly count: number },
  ): Promise<void>
  /** Whether the account may append markers (ClusterAction on the cluster), and the brokers know how; writes nothing. */
  mayAppendMarkers(): Promise<boolean>
  /** What would come of creating these topics, in their order; creates nothing. */
  tryTopics(topics: readonly NewTopic[]): Promise<TopicTrial[]>
  /** Creates topics and waits until every partition has a leader. @throws KB_TARGET_UNSUITABLE when one exists */
  createTopics(topics: readonly NewTopic[], signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** `orders/3` */
export function partitionName(entry: TopicPartition): string {
  return `${entry.topic}/${entry.partition}`
}
