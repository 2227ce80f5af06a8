import type { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { invariant } from '../runtime/invariant.ts'
import { type RetryPolicy, retry } from '../runtime/retry.ts'
import {
  type EpochEnd,
  type EpochQuestion,
  type OffsetKind,
  partitionName,
  type TimeQuestion,
  type TopicPartition,
} from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { askLeaders, byTopic, type LeaderShare } from './cluster-leaders.ts'
import { LIST_OFFSETS, OFFSET_FOR_LEADER_EPOCH } from './cluster-requests.ts'

const CONSUMER = -1
const ANY_EPOCH = -1
const EARLIEST = -2n
const LATEST = -1n
const READ_COMMITTED = 1
const READ_UNCOMMITTED = 0
/** For leaders that are being elected; whoever can wait longer asks again. */
const LEADER_RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 4_000 }

/**
 * Offsets of one kind, asked of the leader of each partition.
 * @throws the error of the first partition without an answer, after some tries if it may pass
 */
export function listOffsets(
  connections: ClusterConnections,
  kind: OffsetKind,
  partitions: readonly TopicPartition[],
): Promise<Map<string, bigint>> {
  const timestampMs = kind === 'log_start' ? EARLIEST : LATEST
  const questions = partitions.map(({ topic, partition }) => ({ topic, partition, timestampMs }))
  return askUntilAnswered(connections, questions, kind === 'last_stable' ? READ_COMMITTED : READ_UNCOMMITTED)
}

/** The first record of this time or later in each partition, committed or not; null: there is none. @throws as {@link listOffsets} */
export async function offsetsAtTimes(
  connections: ClusterConnections,
  questions: readonly TimeQuestion[],
): Promise<Map<string, bigint | null>> {
  const astray = questions.find(({ timestampMs }) => timestampMs < 0n)
  invariant(!astray, 'times below zero have other meanings for brokers')
  const answers = await askUntilAnswered(connections, questions, READ_UNCOMMITTED)
  return new Map([...answers].map(([name, offset]) => [name, offset < 0n ? null : offset]))
}

async function askUntilAnswered(
  connections: ClusterConnections,
  questions: readonly TimeQuestion[],
  isolation: number,
): Promise<Map<string, bigint>> {
  const offsets = new Map<string, bigint>()
  let left = questions
  const askOnce = async (): Promise<void> => {
    const answers = await askLeaders(connections, 'listing offsets', left, (share) =>
      askOffsets(connections, isolation, share),
    )
    const failures: KafkaBackupError[] = []
    for (const [name, answer] of answers) {
      if ('value' in answer) offsets.set(name, answer.value)
      else failures.push(answer.error)
    }
    if (failures.length === 0) return
    left = left.filter((entry) => !offsets.has(partitionName(entry)))
    throw failures.find((failure) => !failure.retryable) ?? failures[0]
  }
  await retry(askOnce, { policy: LEADER_RETRY, signal: connections.signal })
  return offsets
}

async function askOffsets(
  connections: ClusterConnections,
  isolation: number,
  { leader, entries }: LeaderShare<TimeQuestion>,
) {
  const topics = byTopic(entries).map(([name, asked]) => ({
    name,
    partitions: asked.map(({ partition, timestampMs: timestamp }) => {
      return { partitionIndex: partition, currentLeaderEpoch: ANY_EPOCH, timestamp }
    }),
  }))
  const answer = await connections.ask(leader, LIST_OFFSETS, CONSUMER, isolation, topics)
  return answer.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, errorCode, offset }) => {
      return { topic: name, partition: partitionIndex, errorCode, value: offset }
    }),
  )
}

/** Where the leaders' histories of the epochs end; partitions whose leader does not tell are left out. */
export async function epochEnds(
  connections: ClusterConnections,
  questions: readonly EpochQuestion[],
): Promise<Map<string, EpochEnd>> {
  const answers = await askLeaders(connections, 'asking for the end of an epoch', questions, (share) =>
    askEpochEnds(connections, share),
  )
  const ends = new Map<string, EpochEnd>()
  for (const [name, answer] of answers) if ('value' in answer) ends.set(name, answer.value)
  return ends
}

async function askEpochEnds(
  connections: ClusterConnections,
  { leader, entries }: LeaderShare<EpochQuestion>,
) {
  const topics = byTopic(entries).map(([name, asked]) => ({
    name,
    partitions: asked.map(({ partition, leaderEpoch }) => {
      return { partitionIndex: partition, currentLeaderEpoch: ANY_EPOCH, leaderEpoch }
    }),
  }))
  const answer = await connections.ask(leader, OFFSET_FOR_LEADER_EPOCH, CONSUMER, topics)
  return answer.topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, errorCode, leaderEpoch, endOffset }) => {
      return { topic, partition, errorCode, value: { leaderEpoch, endOffset } }
    }),
  )
}
