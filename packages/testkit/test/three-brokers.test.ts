import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillTopics, startKafkaCluster } from '../src/index.ts'
import { waitUntil } from './process-state.ts'

test('three brokers go on serving when one is killed, and take it back', async () => {
  await using cluster = await startKafkaCluster({ brokers: 3 })
  const { tools } = cluster
  assert.equal(cluster.bootstrapServers.length, 3)
  await tools.createTopic('events', {
    partitions: 3,
    replicationFactor: 3,
    config: { 'min.insync.replicas': '2' },
  })
  await cluster.broker(2).kill()

  const [result] = await fillTopics(cluster, [
    { topic: 'events', records: 300, valueBytes: 100, transactions: { recordsPerTransaction: 100 } },
  ])
  assert.equal(result?.committed, 300)
  const lines = await tools.consoleConsumer({
    topic: 'events',
    maxRecords: 300,
    isolation: 'read_committed',
  })
  assert.equal(lines.length, 300)

  await cluster.broker(2).start()
  await waitUntil(async () => {
    const { partitions } = await tools.describeTopic('events')
    return partitions.every((partition) => partition.inSync.length === 3)
  }, 60_000)
})
