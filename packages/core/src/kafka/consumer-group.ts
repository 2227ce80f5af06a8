import type { TopicPartition } from './cluster.ts'

/** State of a group that no coordinator knows any more; Kafka has no word for it. */
export const ABSENT = 'Absent'

/** What kind of group it is, in Kafka's words; `unknown` where brokers do not tell (before 3.8). */
export type GroupType = 'classic' | 'consumer' | 'share' | 'streams' | 'unknown'

/** The next record that a group wants of a partition. */
export interface CommittedOffset extends TopicPartition {
  readonly offset: bigint
  /** -1: none was committed. */
  readonly leaderEpoch: number
  /** Text of the client; often empty. */
  readonly metadata: string
}

/** One group as its coordinator told of it. */
export interface ConsumerGroup {
  readonly group: string
  readonly type: GroupType
  /** As the group gave it, such as `consumer`; empty where there is none. */
  readonly protocolType: string
  /** Kafka's name, such as `Stable`, or {@link ABSENT}. */
  readonly state: string
  /** 0 where not told. */
  readonly members: number
  /** In no order; null: they could not be read, and `failure` says why. */
  readonly offsets: readonly CommittedOffset[] | null
  /** Kafka's name of the error, such as `GROUP_AUTHORIZATION_FAILED`. */
  readonly failure: string | null
}

/** What could be learned of the groups of a cluster. */
export interface ConsumerGroups {
  readonly clusterId: string
  readonly groups: readonly ConsumerGroup[]
  /** Brokers (`host:port`) that did not list their groups, with Kafka's name of the error: groups that nobody asked for by name may be missing. */
  readonly silentBrokers: ReadonlyMap<string, string>
}
