import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fillTopics, KAFKA_VERSIONS, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { API_KEY } from '../../src/kafka/api-versions.ts'
import type { BrokerLink } from '../../src/kafka/broker-connections.ts'
import { openCluster } from '../../src/kafka/client-cluster.ts'
import type { Cluster, OpenTransaction } from '../../src/kafka/cluster.ts'
import { patchForProduce } from '../../src/protocol/batch-patch.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { record } from '../protocol/samples.ts'
import { linkTo, topicOf } from './real-broker.ts'

const WAITING_ID = 'order-writer'
const HANGING_ID = 'lost-writer'
const PARTITIONS = ['open', 'ended', 'hanging', 'plain'].map((topic) => ({ topic, partition: 0 }))
const WRITTEN_AT = 1_600_000_000_000n
const ADD_PARTITIONS_TO_TXN = 24

type Producer = Pick<OpenTransaction, 'producerId' | 'producerEpoch'>

/**
 * Writes one record of a transaction that the coordinator was never told of, as happened where a late request came in after the
 * end of its transaction (KIP-890). Nobody will ever end it.
 */
async function leaveHanging(link: BrokerLink, topic: string): Promise<Producer> {
  const asked = new ByteWriter(64).string(HANGING_ID).int32(60_000).finish()
  const opened = await link.connection.request({
    apiKey: API_KEY.initProducerId,
    version: 0,
    isFlexible: false,
    body: [asked],
  })
  opened.reader.int32()
  assert.equal(opened.reader.int16(), 0)
  const producerId = opened.reader.int64()
  const producerEpoch = opened.reader.int16()
  const records = [record({ value: Buffer.from('lost'), timestamp: WRITTEN_AT })]
  const batch = buildBatch({ baseOffset: 0n, partitionLeaderEpoch: -1, records, isTransactional: true })
  patchForProduce(batch, 0, { producerId, producerEpoch, baseSequence: 0, isTransactional: true })
  const head = new ByteWriter(64).string(HANGING_ID).int16(-1).int32(10_000).int32(1).string(topic)
  const body = [head.int32(1).int32(0).int32(batch.length).finish(), batch]
  const produced = await link.connection.request({
    apiKey: API_KEY.produce,
    version: 3,
    isFlexible: false,
    body,
  })
  const { reader } = produced
  assert.deepEqual(
    [reader.int32(), reader.string(), reader.int32(), reader.int32(), reader.int16()],
    [1, topic, 1, 0, 0],
  )
  return { producerId, producerEpoch }
}

/** Begins a transaction as it should be, without a record yet. */
async function beginTransaction(link: BrokerLink, producer: Producer, topic: string): Promise<void> {
  const head = new ByteWriter(64).string(HANGING_ID).int64(producer.producerId).int16(producer.producerEpoch)
  const body = [head.int32(1).string(topic).int32(1).int32(0).finish()]
  const answer = await link.connection.request({
    apiKey: ADD_PARTITIONS_TO_TXN,
    version: 0,
    isFlexible: false,
    body,
  })
  const { reader } = answer
  const told = [
    reader.int32(),
    reader.int32(),
    reader.string(),
    reader.int32(),
    reader.int32(),
    reader.int16(),
  ]
  assert.deepEqual(told, [0, 1, topic, 1, 0, 0])
}

for (const version of KAFKA_VERSIONS) {
  describe(`Kafka ${version}`, () => {
    let kafka: KafkaCluster
    let cluster: Cluster
    let link: BrokerLink

    before(async () => {
      kafka = await startKafkaCluster({
        version,
        properties: { 'transaction.partition.verification.enable': 'false' },
      })
      cluster = openCluster({ bootstrapServers: kafka.bootstrapServers, clientId: 'test' })
      await cluster.createTopics(PARTITIONS.map(({ topic }) => topicOf(topic)))
      link = await linkTo(kafka.broker(1).port)
    })

    after(async () => {
      link?.connection.close()
      await cluster?.close()
      await kafka?.close()
    })

    test('no transaction is open where nobody wrote, or where all have ended', async () => {
      assert.deepEqual(await cluster.openTransactions([]), [])
      await fillTopics(kafka, [
        { topic: 'plain', records: 10, valueBytes: 100 },
        { topic: 'ended', records: 20, valueBytes: 100, transactions: { recordsPerTransaction: 10 } },
      ])
      assert.deepEqual(await cluster.openTransactions(PARTITIONS), [])
    })

    test('an open transaction is told with its producer, its begin and its transactional id', async () => {
      const beganMs = Date.now()
      await fillTopics(kafka, [
        {
          topic: 'open',
          records: 30,
          valueBytes: 100,
          transactions: { recordsPerTransaction: 10, leaveLastOpen: true, transactionalId: WAITING_ID },
        },
      ])
      const [open, ...others] = await cluster.openTransactions(PARTITIONS)
      assert.deepEqual(others, [])
      assert.ok(open)
      const { producerId, producerEpoch, lastWriteAtMs, beganAtMs, timeoutMs, ...rest } = open
      assert.deepEqual(rest, { topic: 'open', partition: 0, firstOffset: 22n, transactionalId: WAITING_ID })
      assert.ok(producerId >= 0n && producerEpoch >= 0)
      assert.ok(lastWriteAtMs > 0)
      assert.equal(timeoutMs, 900_000)
      assert.ok(beganAtMs !== null && beganAtMs >= beganMs && beganAtMs <= Date.now())
      const stable = await cluster.listOffsets('last_stable', [{ topic: 'open', partition: 0 }])
      assert.equal(stable.get('open/0'), open.firstOffset)
    })

    test('a transaction that its coordinator does not know is told without a begin', async () => {
      const producer = await leaveHanging(link, 'hanging')
      const all = await cluster.openTransactions(PARTITIONS)
      assert.deepEqual(
        all.map((entry) => entry.topic),
        ['open', 'hanging'],
      )
      assert.deepEqual(all[1], {
        topic: 'hanging',
        partition: 0,
        ...producer,
        firstOffset: 0n,
        lastWriteAtMs: Number(WRITTEN_AT),
        transactionalId: HANGING_ID,
        beganAtMs: null,
        timeoutMs: null,
      })
      // What the coordinator says of a later transaction is nothing about this one.
      await beginTransaction(link, producer, 'ended')
      assert.deepEqual((await cluster.openTransactions(PARTITIONS))[1], all[1])
    })

    test('topics that are gone have no open transactions, and the others still do', async () => {
      const partitions = [
        { topic: 'gone', partition: 0 },
        { topic: 'open', partition: 7 },
        { topic: 'open', partition: 0 },
      ]
      const open = await cluster.openTransactions(partitions)
      assert.deepEqual(
        open.map((entry) => entry.transactionalId),
        [WAITING_ID],
      )
    })
  })
}
