import { API_KEY } from './api-versions.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { readMetadata } from './cluster-metadata.ts'

/**
 * Brokers tell no version of Kafka. This one of Produce came with 3.7, as the cap did (KAFKA-15583): 3.6.2 offers 9 and refuses
 * records for one replica with `min.insync.replicas=2`, 3.9.1 and 4.2.1 take them (tried, also within transactions).
 */
const PRODUCE_VERSION_OF_CAP = 10

/** Those of the brokers that take records when all replicas of a partition are in sync, also when those are fewer than wanted. */
export async function cappingBrokers(
  connections: ClusterConnections,
  ids: readonly number[],
): Promise<ReadonlySet<number>> {
  const { brokers } = await readMetadata(connections, [])
  const capping = new Set<number>()
  for (const id of new Set(ids)) {
    const broker = brokers.get(id)
    if (!broker) continue
    const { versions } = await connections.link(broker)
    if ((versions.get(API_KEY.produce)?.max ?? 0) >= PRODUCE_VERSION_OF_CAP) capping.add(id)
  }
  return capping
}
