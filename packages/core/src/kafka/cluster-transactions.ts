import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BrokerAddress, OpenTransaction, TopicPartition } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { askLeaders, byTopic, isOfAccount, type LeaderShare } from './cluster-leaders.ts'
import { readMetadata } from './cluster-metadata.ts'
import {
  DESCRIBE_PRODUCERS,
  DESCRIBE_TRANSACTIONS,
  LIST_TRANSACTIONS,
  type TransactionState,
} from './cluster-requests.ts'

const ANY_DURATION = -1n

/** Transactions that are open on these partitions, as far as the brokers tell. Asks each of them once. */
export async function openTransactions(
  connections: ClusterConnections,
  partitions: readonly TopicPartition[],
): Promise<OpenTransaction[]> {
  const answers = await askLeaders(connections, 'describing producers', partitions, (share) =>
    askProducers(connections, share),
  )
  const open = [...answers.values()].flatMap((answer) => ('value' in answer ? answer.value : []))
  if (open.length === 0) return []
  const states = await coordinatorStates(connections, [...new Set(open.map((entry) => entry.producerId))])
  return open.map((entry) => completed(entry, states.get(entry.producerId)))
}

async function askProducers(
  connections: ClusterConnections,
  { leader, entries }: LeaderShare<TopicPartition>,
) {
  const topics = byTopic(entries).map(([name, asked]) => {
    return { name, partitionIndexes: asked.map((entry) => entry.partition) }
  })
  const answer = await connections.ask(leader, DESCRIBE_PRODUCERS, topics)
  return answer.topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partitionIndex: partition, errorCode, activeProducers }) => {
      const value = activeProducers
        .filter((producer) => producer.currentTxnStartOffset >= 0n)
        .map((producer): OpenTransaction => {
          return {
            topic,
            partition,
            producerId: producer.producerId,
            producerEpoch: producer.producerEpoch,
            firstOffset: producer.currentTxnStartOffset,
            lastWriteAtMs: Number(producer.lastTimestamp),
            transactionalId: null,
            beganAtMs: null,
            timeoutMs: null,
          }
        })
      return { topic, partition, errorCode, value }
    }),
  )
}

/** What the coordinators know of these producers, by producer id. Every broker may coordinate some. */
async function coordinatorStates(
  connections: ClusterConnections,
  producerIds: bigint[],
): Promise<Map<bigint, TransactionState>> {
  const { brokers } = await readMetadata(connections, [])
  const known = await Promise.all(
    [...brokers.values()].map((broker) => statesOf(connections, broker, producerIds)),
  )
  return new Map(known.flat().map((state) => [state.producerId, state]))
}

/** Nothing where the broker does not tell: it is down, too old, or the account may not see the transactional id. */
async function statesOf(
  connections: ClusterConnections,
  broker: BrokerAddress,
  producerIds: bigint[],
): Promise<readonly TransactionState[]> {
  try {
    const listed = await connections.ask(broker, LIST_TRANSACTIONS, [], producerIds, ANY_DURATION, null)
    if (listed.errorCode !== 0 || listed.transactionStates.length === 0) return []
    const ids = listed.transactionStates.map((state) => state.transactionalId)
    const described = await connections.ask(broker, DESCRIBE_TRANSACTIONS, ids)
    return described.transactionStates.filter((state) => state.errorCode === 0)
  } catch (error) {
    if (!isKafkaBackupError(error) || isOfAccount(error)) throw error
    return []
  }
}

/**
 * A coordinator that does not count the partition among those of its transaction has forgotten the one that is open there: that
 * one hangs, and its coordinator's time is of another.
 */
function completed(open: OpenTransaction, state: TransactionState | undefined): OpenTransaction {
  if (!state) return open
  const { topic, partition } = open
  const isCurrent = state.topics.some(
    (entry) => entry.topic === topic && entry.partitions.includes(partition),
  )
  const beganAtMs = Number(state.transactionStartTimeMs)
  return {
    ...open,
    transactionalId: state.transactionalId,
    beganAtMs: isCurrent && beganAtMs >= 0 ? beganAtMs : null,
    timeoutMs: isCurrent ? state.transactionTimeoutMs : null,
  }
}
