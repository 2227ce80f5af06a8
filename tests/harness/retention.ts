import { openCluster } from '@kafka-backup/core'
import type { KafkaCluster } from '@kafka-backup/testkit'

/** `retention.ms` as it stands at the topic itself. */
export async function retentionOf(
  cluster: Pick<KafkaCluster, 'bootstrapServers'>,
  topic: string,
): Promise<string | undefined> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  try {
    return (await client.topicOverrides([topic], ['retention.ms'])).get(topic)?.get('retention.ms')
  } finally {
    await client.close()
  }
}
