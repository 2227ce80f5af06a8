import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startKafkaCluster, writePayloadFile } from '../src/index.ts'

test('the performance tools of Kafka report what they did', async () => {
  await using cluster = await startKafkaCluster()
  const { tools, folder } = cluster
  const file = join(folder, 'payload')
  await writePayloadFile(file, { records: 100, bytesPerRecord: 1000, seed: 1 })
  await tools.createTopic('perf', { partitions: 2 })

  const producerProps = { 'compression.type': 'lz4', 'linger.ms': '20' }
  const produced = await tools.producerPerformance({
    topic: 'perf',
    records: 5_000,
    payload: { file },
    producerProps,
  })
  assert.equal(produced.records, 5_000)
  assert.ok(produced.recordsPerSec > 0 && produced.mbPerSec > 0 && produced.elapsedMs > 0)

  const consumed = await tools.consumerPerformance({ topic: 'perf', records: 5_000 })
  assert.equal(consumed.records, 5_000)
  assert.ok(consumed.elapsedMs >= consumed.fetchMs)
  assert.match(await tools.consumerGroups(['--list']), /perf-consumer/)

  await tools.alterTopicConfig('perf', { 'cleanup.policy': 'compact,delete', 'retention.ms': '60000' })
  const { config } = await tools.describeTopic('perf')
  assert.equal(config['cleanup.policy'], 'compact,delete')
  assert.equal(config['retention.ms'], '60000')

  await tools.deleteTopic('perf')
  await assert.rejects(tools.describeTopic('perf'), /does not exist/)
})
