import { openCluster } from '@kafka-backup/core'
import type { KafkaCluster } from '@kafka-backup/testkit'
import { until } from './until.ts'

const NOBODY = 2n ** 61n

/** A marker in each of these partitions that ends no transaction, an offset without a record, once each has `recordsBefore` offsets. */
export async function appendStrayMarkers(
  cluster: Pick<KafkaCluster, 'bootstrapServers'>,
  topic: string,
  partitions: readonly number[],
  recordsBefore = 0,
): Promise<void> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'stranger' })
  const asked = partitions.map((partition) => ({ topic, partition }))
  try {
    await until(`${topic} has ${recordsBefore} offsets`, async () => {
      const ends = await client.listOffsets('high_watermark', asked)
      return [...ends.values()].every((end) => end >= BigInt(recordsBefore))
    })
    for (const partition of partitions)
      await client.appendMarkers({ topic, partition, producerId: NOBODY, count: 1 })
  } finally {
    await client.close()
  }
}
