import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { KAFKA_VERSIONS, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import type { BrokerLink } from '../../src/kafka/broker-connections.ts'
import { openCluster } from '../../src/kafka/client-cluster.ts'
import { brokerError } from '../../src/kafka/kafka-error.ts'
import { produceBatches } from '../../src/kafka/produce-api.ts'
import { CODECS } from '../../src/protocol/codec.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { fitsAsItIs } from '../../src/restore/batch-limit.ts'
import { topicLimits } from '../../src/restore/preflight/topic-limits.ts'
import { linkTo, topicOf } from '../kafka/real-broker.ts'
import { prng } from '../protocol/prng.ts'
import { record } from '../protocol/samples.ts'

const PRODUCE_VERSION = 8
const PRODUCING = { timeoutMs: 30_000, transactionalId: null }
const TYPES = ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd']
const MIB = 1024 * 1024

/** Compressing makes noise larger; as text it shrinks. */
const random = prng(11)
const BYTES = Array.from({ length: 3 }, () => random.bytes(40_000))
const CONTENTS = {
  noise: BYTES.map((value) => record({ value })),
  text: BYTES.map((value) => record({ value: Buffer.from(value.toString('hex')) })),
}

for (const version of KAFKA_VERSIONS) {
  describe(`what one batch may be, on Kafka ${version}`, () => {
    let kafka: KafkaCluster
    let link: BrokerLink

    before(async () => {
      kafka = await startKafkaCluster({ version })
      link = await linkTo(kafka.broker(1).port)
    })

    after(async () => {
      link?.connection.close()
      await kafka?.close()
    })

    const send = async (topic: string, batch: Buffer) => {
      const [produced] = await produceBatches(
        link.connection,
        PRODUCE_VERSION,
        [{ topic, partition: 0, batch }],
        PRODUCING,
      )
      return produced?.errorCode
    }

    test('what is said to fit is taken, in every codec and for every compression.type', async () => {
      const cases = Object.entries(CONTENTS).flatMap(([content, records]) => {
        const built = CODECS.map((codec) => buildBatch({ records, codec }))
        const rawBytes = built[0]?.length ?? 0
        return TYPES.flatMap((type) =>
          [...built.map(({ length }) => length), Math.ceil(rawBytes * 1.3)].map((bytes, at) => {
            const settings = { 'compression.type': type, 'max.message.bytes': String(bytes) }
            return { name: `${content}-${type}-${at}`, settings: new Map(Object.entries(settings)), built }
          }),
        )
      })
      const cluster = openCluster({ bootstrapServers: kafka.bootstrapServers, clientId: 'test' })
      const topics = cases.map(({ name, settings }) =>
        topicOf(name, { configs: Object.fromEntries(settings) }),
      )
      await cluster.createTopics(topics).finally(() => cluster.close())
      let [fitting, refused] = [0, 0]
      for (const { name, settings, built } of cases) {
        const { limit } = topicLimits(settings)
        for (const [at, batch] of built.entries()) {
          const errorCode = await send(name, batch)
          if (fitsAsItIs(batch, limit)) assert.equal(errorCode, 0, `${name} takes ${CODECS[at]}`)
          if (batch.length > limit.maxBytes) assert.equal(errorCode, 10, `${name} refuses ${CODECS[at]}`)
          if (errorCode === 0) fitting++
          else refused++
        }
      }
      assert.ok(fitting > 50 && refused > 50, `${fitting} were taken, ${refused} refused`)
    })

    test('a batch is as large as a segment, and no larger, once it is stored', async () => {
      const configs = { 'segment.bytes': String(MIB), 'max.message.bytes': String(8 * MIB) }
      const flat = { ...configs, 'compression.type': 'uncompressed' }
      const cluster = openCluster({ bootstrapServers: kafka.bootstrapServers, clientId: 'test' })
      await cluster
        .createTopics([topicOf('short', { configs }), topicOf('flat', { configs: flat })])
        .finally(() => cluster.close())
      const sized = (bytes: number) => buildBatch({ records: [record({ value: Buffer.alloc(bytes) })] })
      const overheadBytes = sized(MIB - 100).length - (MIB - 100)
      const exact = sized(MIB - overheadBytes)
      assert.equal(exact.length, MIB)
      assert.equal(await send('short', exact), 0)
      assert.equal(await send('short', sized(MIB - overheadBytes + 1)), 18)
      const records = [record({ value: Buffer.alloc(2 * MIB) })]
      assert.equal(await send('short', buildBatch({ records, codec: 'gzip' })), 0)
      assert.equal(await send('flat', buildBatch({ records, codec: 'gzip' })), 18)
      const { code, hint } = brokerError(18, 'writing short/0')
      assert.deepEqual([code, hint], ['KB_RECORD_TOO_LARGE', 'Raise segment.bytes of the target topic.'])
    })
  })
}
