import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { partitionName } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { readMetadata } from './cluster-metadata.ts'
import { brokerError } from './kafka-error.ts'
import { type MarkerSeries, writeTxnMarkers } from './txn-markers-api.ts'

const UNKNOWN_TOPIC_OR_PARTITION = 3
const LEADER_NOT_AVAILABLE = 5
const CLUSTER_AUTHORIZATION_FAILED = 31
/** Topics have fewer partitions: a marker for this one is refused by every broker, after it has looked at the account. */
const NO_SUCH_PARTITION = 2_147_483_646
const NO_SUCH_TOPIC = 'kafka-backup-asks-for-permission'

/**
 * One request, sent once: whoever does not get an answer has to look at the log.
 * @throws KB_CLUSTER_PERMISSION, KB_BROKER_*, KB_CLUSTER_UNREACHABLE
 */
export async function appendMarkers(connections: ClusterConnections, series: MarkerSeries): Promise<void> {
  const { topic, partition, count } = series
  const { topics, brokers } = await readMetadata(connections, [topic])
  const found = topics
    .find(({ name }) => name === topic)
    ?.partitions.find((own) => own.partition === partition)
  const doing = `appending ${count} markers to ${partitionName(series)}`
  const leader = brokers.get(found?.leader ?? -1)
  if (!leader) throw brokerError(LEADER_NOT_AVAILABLE, doing, { topic, partition })
  const errorCode = await writeTxnMarkers(await connections.link(leader), series)
  if (errorCode !== 0) throw brokerError(errorCode, doing, { topic, partition })
}

/** Whether {@link appendMarkers} is allowed and known here. Asks for a partition that cannot be, so nothing is written. */
export async function mayAppendMarkers(connections: ClusterConnections): Promise<boolean> {
  const { brokers } = await readMetadata(connections, [])
  const [broker] = brokers.values()
  if (!broker) throw brokerError(LEADER_NOT_AVAILABLE, 'asking for the permission to append markers')
  const series = { topic: NO_SUCH_TOPIC, partition: NO_SUCH_PARTITION, producerId: 0n, count: 1 }
  try {
    const errorCode = await writeTxnMarkers(await connections.link(broker), series)
    if (errorCode === UNKNOWN_TOPIC_OR_PARTITION) return true
    if (errorCode === CLUSTER_AUTHORIZATION_FAILED) return false
    throw brokerError(errorCode, 'asking for the permission to append markers')
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_BROKER_UNSUPPORTED')) return false
    throw error
  }
}
