import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KafkaCluster } from '@kafka-backup/testkit'

/** Puts each broker into a rack of its own, in order of id, and starts all of them again. */
export async function placeInRacks(cluster: KafkaCluster, racks: readonly string[]): Promise<void> {
  for (const [at, broker] of cluster.brokers.entries()) {
    const file = join(cluster.folder, `broker-${broker.id}`, 'server.properties')
    await appendFile(file, `broker.rack=${racks[at]}\n`)
  }
  await Promise.all(cluster.brokers.map((broker) => broker.kill()))
  for (const broker of cluster.brokers) broker.launch()
  const ids = cluster.brokers.map(({ id }) => id)
  await Promise.all(cluster.brokers.map((broker) => broker.waitUntilReady(ids)))
}
