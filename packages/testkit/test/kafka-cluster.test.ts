import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { probeBroker } from '../src/broker-probe.ts'
import {
  type FillJob,
  fillTopics,
  KAFKA_VERSIONS,
  parseDumpedBatches,
  startKafkaCluster,
} from '../src/index.ts'
import { isProcessAlive } from './process-state.ts'

const PLAIN: FillJob = {
  topic: 'events',
  records: 200,
  valueBytes: 100,
  partition: 0,
  nullKeyEvery: 3,
  tombstoneEvery: 10,
  maxHeaders: 3,
  beginTimestampMs: 1_700_000_000_000,
  outOfOrderEvery: 7,
  compression: 'zstd',
}
const TRANSACTIONAL: FillJob = {
  topic: 'events',
  records: 60,
  valueBytes: 1000,
  partition: 1,
  compression: 'lz4',
  transactions: { recordsPerTransaction: 20, abortEvery: 2, leaveLastOpen: true },
}

for (const version of KAFKA_VERSIONS) {
  test(`a broker of Kafka ${version} keeps its data through stop, kill and pause`, async () => {
    const cluster = await startKafkaCluster({ version })
    const broker = cluster.broker(1)
    try {
      const { tools } = cluster
      await tools.createTopic('events', { partitions: 2, config: { 'max.message.bytes': '2000000' } })
      const topic = await tools.describeTopic('events')
      assert.equal(topic.partitions.length, 2)
      assert.equal(topic.config['max.message.bytes'], '2000000')

      const [plain, transactional] = await fillTopics(cluster, [PLAIN, TRANSACTIONAL])
      assert.equal(plain?.committed, 200)
      assert.equal(transactional?.acknowledged, 60)
      assert.deepEqual([transactional.committed, transactional.aborted, transactional.open], [20, 20, 20])

      const properties = { 'print.offset': 'true', 'print.key': 'true', 'print.headers': 'true' }
      const read = () => tools.consoleConsumer({ topic: 'events', partition: 0, maxRecords: 200, properties })
      const before = await read()
      assert.equal(before.length, 200)
      assert.match(before[0]!, /^Offset:0\t.*\tkey-0\t\{"ts":1700000000000,.*"\}$/)
      assert.match(before[9]!, /\tkey-9\tnull$/)

      const firstPid = broker.pid
      await broker.stop()
      assert.equal(broker.isRunning, false)
      assert.equal(await isProcessAlive(firstPid), false)

      const files = await broker.logSegmentFiles('events', 1)
      const dumps = await Promise.all(files.map((file) => tools.dumpLogSegments(file, { deep: true })))
      const batches = dumps.flatMap(parseDumpedBatches)
      const data = batches.filter((batch) => !batch.isControl)
      assert.equal(
        data.reduce((sum, batch) => sum + batch.count, 0),
        60,
      )
      assert.ok(data.every((batch) => batch.isTransactional && batch.isValid && batch.compression === 'lz4'))
      const markers = batches.filter((batch) => batch.isControl).flatMap((batch) => batch.records)
      assert.deepEqual(
        markers.map((marker) => marker.endTxnMarker),
        ['COMMIT', 'ABORT'],
      )

      await broker.start()
      assert.notEqual(broker.pid, firstPid)
      assert.deepEqual(await read(), before)

      broker.pause()
      // On a busy machine its threads answer for a moment longer: each stops when it comes to run.
      await assert.rejects(async () => {
        for (;;) await probeBroker(broker.port, 500)
      })
      broker.resume()
      await broker.waitUntilReady([1])

      await broker.kill()
      assert.equal(broker.isRunning, false)
      await broker.start()
      await tools.deleteRecords('events', 0, 150)
      assert.equal(
        (await tools.consoleConsumer({ topic: 'events', partition: 0, maxRecords: 50 })).length,
        50,
      )
    } finally {
      await cluster.close()
    }
    assert.equal(await isProcessAlive(broker.pid), false)
    assert.equal(existsSync(cluster.folder), false)
  })
}

test('a broker that cannot start shows the end of its log', async () => {
  const start = startKafkaCluster({ properties: { 'metric.reporters': 'no.such.Reporter' } })
  await assert.rejects(start, /broker 1: ended while starting[\s\S]*no\.such\.Reporter/)
})
