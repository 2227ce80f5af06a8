import { isKafkaBackupError, type KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type BrokerAddress, partitionName, type TopicPartition } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { type ClusterMetadata, readMetadata } from './cluster-metadata.ts'
import { brokerError } from './kafka-error.ts'

/** Partitions of one leader, and what they are called in requests. */
export interface LeaderShare<Entry extends TopicPartition> {
  readonly leader: BrokerAddress
  readonly entries: readonly Entry[]
}

/** What the leaders said, by `topic/partition`: an answer, or why there is none. */
export type LeaderAnswers<Answer> = ReadonlyMap<
  string,
  { readonly value: Answer } | { readonly error: KafkaBackupError }
>

const UNKNOWN_SERVER_ERROR = -1
const UNKNOWN_TOPIC_OR_PARTITION = 3
const LEADER_NOT_AVAILABLE = 5
const TOPIC_AUTHORIZATION_FAILED = 29

/** One entry of what a leader answered; `errorCode` is the broker's. */
export interface PartitionAnswer<Answer> extends TopicPartition {
  readonly errorCode: number
  readonly value: Answer
}

/**
 * Looks up who leads each partition now, and asks all leaders at the same time, each once. Every partition has an entry in the
 * result. What concerns one partition or one leader is an error of these entries.
 * @throws what a whole cluster or account is refused with: KB_CLUSTER_UNREACHABLE, KB_TLS_FAILED, KB_AUTHENTICATION_FAILED
 */
export async function askLeaders<Entry extends TopicPartition, Answer>(
  connections: ClusterConnections,
  doing: string,
  entries: readonly Entry[],
  ask: (share: LeaderShare<Entry>) => Promise<readonly PartitionAnswer<Answer>[]>,
): Promise<LeaderAnswers<Answer>> {
  if (entries.length === 0) return new Map()
  const metadata = await readMetadata(
    connections,
    entries.map((entry) => entry.topic),
  )
  const answers = new Map<string, { value: Answer } | { error: KafkaBackupError }>()
  const refuse = (entry: TopicPartition, kafkaCode: number): void => {
    const { topic, partition } = entry
    const name = partitionName(entry)
    answers.set(name, { error: brokerError(kafkaCode, `${doing} of ${name}`, { topic, partition }) })
  }
  const shares = shareOut(metadata, entries, refuse)
  const askOne = async (share: LeaderShare<Entry>): Promise<void> => {
    try {
      const told = await ask(share)
      // Before the answers: a partition that the leader does not mention keeps this one.
      for (const entry of share.entries) refuse(entry, UNKNOWN_SERVER_ERROR)
      for (const answer of told) {
        if (answer.errorCode !== 0) refuse(answer, answer.errorCode)
        else answers.set(partitionName(answer), { value: answer.value })
      }
    } catch (error) {
      if (!isKafkaBackupError(error) || isOfAccount(error)) throw error
      for (const entry of share.entries) answers.set(partitionName(entry), { error })
    }
  }
  const asked = await Promise.allSettled(shares.map(askOne))
  for (const outcome of asked) if (outcome.status === 'rejected') throw outcome.reason
  return answers
}

/** Entries of each topic together, as requests want them. */
export function byTopic<Entry extends TopicPartition>(entries: readonly Entry[]): [string, Entry[]][] {
  return [...Map.groupBy(entries, (entry) => entry.topic)]
}

/** Refused by one broker is refused by all. */
export function isOfAccount(error: KafkaBackupError): boolean {
  return error.code === 'KB_AUTHENTICATION_FAILED' || error.code === 'KB_TLS_FAILED'
}

function shareOut<Entry extends TopicPartition>(
  metadata: ClusterMetadata,
  entries: readonly Entry[],
  refuse: (entry: TopicPartition, kafkaCode: number) => void,
): LeaderShare<Entry>[] {
  const leaders = new Map<string, number>()
  for (const topic of metadata.topics) {
    for (const { partition, leader } of topic.partitions) {
      leaders.set(partitionName({ topic: topic.name, partition }), leader)
    }
  }
  const shares = new Map<number, { leader: BrokerAddress; entries: Entry[] }>()
  for (const entry of entries) {
    const leaderId = leaders.get(partitionName(entry))
    const leader = metadata.brokers.get(leaderId ?? -1)
    if (leaderId === undefined) {
      const isDenied = metadata.absent.get(entry.topic) === 'denied'
      refuse(entry, isDenied ? TOPIC_AUTHORIZATION_FAILED : UNKNOWN_TOPIC_OR_PARTITION)
    } else if (!leader) {
      refuse(entry, LEADER_NOT_AVAILABLE)
    } else {
      const share = shares.get(leaderId) ?? { leader, entries: [] }
      share.entries.push(entry)
      shares.set(leaderId, share)
    }
  }
  return [...shares.values()]
}
