import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fillTopics, type KafkaCluster, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { openCluster } from '../../src/kafka/client-cluster.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { type ReadChunk, readPartition } from '../../src/kafka/partition-reader.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { topicOf } from './real-broker.ts'

const RECORDS = 40

let kafka: KafkaCluster
let cluster: Cluster
let driver: SourceDriver

before(async () => {
  kafka = await startKafkaCluster()
  cluster = openCluster({ bootstrapServers: kafka.bootstrapServers, clientId: 'test' })
  driver = new SourceDriver(kafka)
  await cluster.createTopics([topicOf('short'), topicOf('held')])
  await fillTopics(kafka, [{ topic: 'short', records: RECORDS }])
})

after(async () => {
  await driver?.[Symbol.asyncDispose]()
  await cluster?.close()
  await kafka?.close()
})

async function readAll(
  topic: string,
  endOffset: bigint,
  isReadCommitted = false,
): Promise<{ readonly chunks: ReadChunk[]; readonly failure: unknown }> {
  const signal = AbortSignal.timeout(60_000)
  const options = { cluster, clientId: 'test', clock: systemClock, signal, isReadCommitted }
  const chunks: ReadChunk[] = []
  try {
    for await (const chunk of readPartition(options, { topic, partition: 0, beginOffset: 0n, endOffset })) {
      chunks.push(chunk)
    }
    return { chunks, failure: undefined }
  } catch (failure) {
    return { chunks, failure }
  }
}

test('a log that stays shorter than what is wanted of it ends the reading, with its end', async () => {
  const { chunks, failure } = await readAll('short', BigInt(RECORDS) + 1n)
  assert.equal(chunks.at(-1)?.nextOffset, BigInt(RECORDS))
  assert.ok(isKafkaBackupError(failure, 'KB_LOG_ENDS_EARLY'), String(failure))
  assert.equal(failure.message, `short/0 ends at offset ${RECORDS}, expected ${RECORDS + 1}`)
})

test('an open transaction is the end for readers of committed records, and for no others', async () => {
  await driver.write({ topic: 'held', label: 'before', records: 10 })
  const transaction = await driver.beginTransaction('holding', 120_000)
  const endOffset = await transaction.write({ topic: 'held', label: 'inside', records: 10 })
  assert.equal((await readAll('held', endOffset)).failure, undefined)
  const { chunks, failure } = await readAll('held', endOffset, true)
  assert.equal(chunks.at(-1)?.nextOffset, 10n)
  assert.ok(isKafkaBackupError(failure, 'KB_LOG_ENDS_EARLY'), String(failure))
  await transaction.end('abort')
  const ended = await readAll('held', endOffset, true)
  assert.equal(ended.failure, undefined)
  const aborted = ended.chunks.flatMap((chunk) => chunk.aborted)
  assert.deepEqual([...new Set(aborted.map(({ firstOffset }) => firstOffset))], [10n])
})
