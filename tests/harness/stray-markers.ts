import { openCluster } from '@kafka-backup/core'
import type { KafkaCluster } from '@kafka-backup/testkit'

const NOBODY = 2n ** 61n

/** A marker in each of these partitions that ends no transaction: an offset without a record. */
export async function appendStrayMarkers(
  cluster: Pick<KafkaCluster, 'bootstrapServers'>,
  topic: string,
  partitions: readonly number[],
): Promise<void> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'stranger' })
  try {
    for (const partition of partitions)
      await client.appendMarkers({ topic, partition, producerId: NOBODY, count: 1 })
  } finally {
    await client.close()
  }
}
