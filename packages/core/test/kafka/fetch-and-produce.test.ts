import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  type FillJob,
  fillTopics,
  KAFKA_VERSIONS,
  type KafkaCluster,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { API_KEY, negotiateVersion, type VersionRange } from '../../src/kafka/api-versions.ts'
import type { BrokerLink } from '../../src/kafka/broker-connections.ts'
import { openCluster } from '../../src/kafka/client-cluster.ts'
import { FETCH, fetchVersion } from '../../src/kafka/fetch-api.ts'
import { brokerError } from '../../src/kafka/kafka-error.ts'
import { PRODUCE, produceBatches } from '../../src/kafka/produce-api.ts'
import { initProducerId, type ProducerIdentity } from '../../src/kafka/producer-id-api.ts'
import { patchForProduce } from '../../src/protocol/batch-patch.ts'
import { readRecords } from '../../src/protocol/record.ts'
import { buildBatch, type RecordInput } from '../../src/protocol/record-batch-builder.ts'
import { answerOf, newIntake } from '../backup/new-intake.ts'
import { cursorOn, record } from '../protocol/samples.ts'
import { openBrokerProxy } from './broker-proxy.ts'
import { failureOf } from './raw-server.ts'
import { batchesIn, fetchAll, fetchOne, linkTo, topicOf } from './real-broker.ts'

const FETCH_VERSIONS = [4, 5, 6, 7, 8, 9, 10, 11, 12]
const PRODUCE_VERSIONS = [3, 4, 5, 6, 7, 8]
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const PRODUCING = { timeoutMs: 10_000, transactionalId: null }
const LARGE_VALUE_BYTES = 3 * 1024 * 1024

const JOBS: readonly FillJob[] = [
  ...CODECS.map((compression, seed): FillJob => {
    return {
      topic: 'codecs',
      records: 200,
      valueBytes: 500,
      compression,
      seed,
      maxHeaders: 3,
      batchBytes: 8_192,
    }
  }),
  {
    topic: 'transactions',
    records: 60,
    valueBytes: 200,
    transactions: { recordsPerTransaction: 10, abortEvery: 3, leaveLastOpen: true },
  },
]

for (const version of KAFKA_VERSIONS) {
  describe(`Kafka ${version}`, () => {
    let kafka: KafkaCluster
    let link: BrokerLink
    let identity: ProducerIdentity
    let topicIds: ReadonlyMap<string, string>

    before(async () => {
      kafka = await startKafkaCluster({ version })
      const cluster = openCluster({ bootstrapServers: kafka.bootstrapServers, clientId: 'test' })
      await cluster.createTopics([
        ...['codecs', 'transactions', 'sequences'].map((name) => topicOf(name)),
        topicOf('large', { configs: { 'max.message.bytes': '8000000' } }),
        topicOf('small', { configs: { 'max.message.bytes': '10000' } }),
        topicOf('versions', { partitions: 2 }),
        topicOf('others', { partitions: 2 }),
        topicOf('compacted', { configs: { 'cleanup.policy': 'compact' } }),
      ])
      const { topics } = await cluster.describe(['codecs'])
      topicIds = new Map(topics.map(({ name, topicId }) => [name, topicId ?? '']))
      await cluster.close()
      await fillTopics(kafka, JOBS)
      link = await linkTo(kafka.broker(1).port)
      identity = await initProducerId(link.connection, 1)
    })

    after(async () => {
      link?.connection.close()
      await kafka?.close()
    })

    /** A batch ready to be produced by `identity`. */
    const batchOf = (records: readonly RecordInput[], baseSequence: number): Buffer => {
      const batch = buildBatch({ baseOffset: 900n, partitionLeaderEpoch: 7, records, isTransactional: true })
      patchForProduce(batch, 0, { ...identity, baseSequence, isTransactional: false })
      return batch
    }
    const produce = (requestVersion: number, topic: string, partition: number, batch: Buffer) =>
      produceBatches(link.connection, requestVersion, [{ topic, partition, batch }], PRODUCING)

    test('every version of Fetch gives the same bytes, of every codec', async () => {
      const answers = []
      for (const requestVersion of FETCH_VERSIONS) {
        const answer = await fetchOne(link, requestVersion, ['codecs', 0, 0n])
        assert.deepEqual([answer.errorCode, answer.highWatermark, answer.lastStableOffset], [0, 1000n, 1000n])
        assert.equal(answer.logStartOffset, requestVersion < 5 ? -1n : 0n)
        answers.push(answer.bytes)
      }
      const [first = Buffer.alloc(0), ...others] = answers
      for (const other of others) assert.ok(other.equals(first))
      const { batches, nextOffset, partialBytes } = batchesIn(first)
      assert.deepEqual([nextOffset, partialBytes], [1000n, 0])
      assert.deepEqual(new Set(batches.map((batch) => cursorOn(batch).codec)), new Set(CODECS))
      const records = batches.flatMap((batch) => [...readRecords(cursorOn(batch))])
      assert.deepEqual(
        records.map((entry) => entry.offset),
        Array.from({ length: 1000 }, (_, index) => BigInt(index)),
      )
    })

    test('several topics and partitions in one request keep apart, errors included, in every version', async () => {
      for (const requestVersion of FETCH_VERSIONS) {
        const answers = await fetchAll(link, requestVersion, [
          ['codecs', 0, 990n],
          ['versions', 7, 0n],
          ['nowhere', 0, 0n],
          ['transactions', 0, 0n],
          ['versions', 1, 0n],
        ])
        const codes = new Map(answers.map((entry) => [`${entry.topic}/${entry.partition}`, entry.errorCode]))
        assert.deepEqual(Object.fromEntries(codes), {
          'codecs/0': 0,
          'versions/7': 3,
          'nowhere/0': 3,
          'transactions/0': 0,
          'versions/1': 0,
        })
        for (const { topic, errorCode, bytes } of answers) {
          assert.equal(bytes.length > 0, topic === 'codecs' || topic === 'transactions', topic)
          if (errorCode !== 0) assert.equal(brokerError(errorCode, 'x').code, 'KB_BROKER_TRANSIENT')
        }
      }
    })

    test('read_committed ends at the last stable offset and lists what was aborted, in every version', async () => {
      // Six transactions of ten records, each with a marker behind it; the third was aborted, the last is open.
      for (const requestVersion of FETCH_VERSIONS) {
        const committed = await fetchOne(link, requestVersion, ['transactions', 0, 0n], {
          isReadCommitted: true,
        })
        assert.deepEqual([committed.highWatermark, committed.lastStableOffset], [65n, 55n])
        assert.equal(batchesIn(committed.bytes).nextOffset, 55n)
        assert.equal(committed.aborted.length, 1)
        assert.equal(committed.aborted[0]?.firstOffset, 22n)
        assert.equal(committed.aborted[0].producerId, cursorOn(committed.bytes).producerId)

        const later = await fetchOne(link, requestVersion, ['transactions', 0, 33n], {
          isReadCommitted: true,
        })
        assert.deepEqual(later.aborted, [])
        const uncommitted = await fetchOne(link, requestVersion, ['transactions', 0, 0n])
        assert.deepEqual(uncommitted.aborted, [])
        assert.equal(batchesIn(uncommitted.bytes).nextOffset, 65n)
      }
    })

    test('what the intake counts of a real log is what the producer was told', async () => {
      const intake = newIntake({
        beginOffset: 0n,
        targetOffset: 55n,
        isCompacted: false,
        frameMinBytes: 1,
      })
      let [records, abortedRecords, controlBatches] = [0, 0, 0]
      while (!intake.isAtTarget) {
        const limits = { isReadCommitted: true, partitionMaxBytes: 6_000 }
        const { bytes, aborted } = await fetchOne(link, 12, ['transactions', 0, intake.nextOffset], limits)
        for (const item of intake.accept(answerOf(bytes, 0, bytes.length, aborted))) {
          assert.ok(item.kind === 'frame')
          records += item.statistics.records
          abortedRecords += item.statistics.abortedRecords
          controlBatches += item.statistics.controlBatches
        }
      }
      assert.deepEqual([records, abortedRecords, controlBatches], [40, 10, 5])
      const [range, ...others] = intake.abortedWithin(0n, 55n, 0)
      assert.deepEqual([range?.firstOffset, range?.endOffset, others.length], [22n, 32n, 0])
    })

    test('an offset that the log does not have is an error and not an empty answer', async () => {
      for (const requestVersion of FETCH_VERSIONS) {
        const beyond = await fetchOne(link, requestVersion, ['codecs', 0, 1_000_000n])
        assert.equal(beyond.errorCode, 1)
        assert.equal(beyond.bytes.length, 0)
        assert.equal(brokerError(beyond.errorCode, 'x').code, 'KB_OFFSET_OUT_OF_RANGE')
        const end = await fetchOne(link, requestVersion, ['codecs', 0, 1000n])
        assert.deepEqual([end.errorCode, end.bytes.length], [0, 0])
      }
    })

    test('a batch that is larger than both limits arrives whole', async () => {
      const large = batchOf([record({ value: Buffer.alloc(LARGE_VALUE_BYTES, 'x') })], 0)
      const small = batchOf([record({ value: Buffer.from('small') })], 1)
      for (const batch of [large, small]) {
        assert.equal((await produce(8, 'large', 0, batch))[0]?.errorCode, 0)
      }
      for (const requestVersion of FETCH_VERSIONS) {
        const limits = { maxBytes: 1000, partitionMaxBytes: 1000 }
        const answer = await fetchOne(link, requestVersion, ['large', 0, 0n], limits)
        const { batches, partialBytes } = batchesIn(answer.bytes)
        assert.deepEqual([batches.length, partialBytes], [1, 0])
        const [entry] = readRecords(cursorOn(answer.bytes))
        assert.equal(entry?.value?.length, LARGE_VALUE_BYTES)
      }
    })

    test('answers that are cut inside a batch add up to the log, without a byte twice', async () => {
      const whole = await fetchOne(link, 12, ['codecs', 0, 0n])
      let cutAnswers = 0
      const taken: Buffer[] = []
      for (let offset = 0n; offset < 1000n; ) {
        const answer = await fetchOne(link, 12, ['codecs', 0, offset], { partitionMaxBytes: 20_000 })
        const { batches, nextOffset, partialBytes } = batchesIn(answer.bytes)
        assert.ok(nextOffset > offset)
        if (partialBytes > 0) cutAnswers++
        taken.push(...batches)
        offset = nextOffset
      }
      assert.ok(cutAnswers >= 3, `${cutAnswers} answers ended inside a batch`)
      assert.ok(Buffer.concat(taken).equals(whole.bytes))
    })

    test('answers that come in pieces of odd lengths are the same answers', async () => {
      await using proxy = await openBrokerProxy(kafka.broker(1).port, {
        pieceBytes: [1, 2, 3, 7_001, 1, 1, 5, 700],
      })
      const sliced = await linkTo(proxy.port)
      const wanted = [
        ['codecs', 0, 0n],
        ['transactions', 0, 0n],
      ] as const
      const [direct, throughProxy] = await Promise.all([
        fetchAll(link, 12, wanted),
        fetchAll(sliced, 12, wanted),
      ])
      assert.deepEqual(throughProxy, direct)
      sliced.connection.close()
    })

    for (const [what, fetch, expected] of [
      ['an older broker', { min: 0, max: 4 }, 4],
      ['a broker between', { min: 4, max: 11 }, 11],
      ['a newer broker', { min: 4, max: 99 }, 13],
    ] as const) {
      test(`with ${what} the newest version that both know is used`, async () => {
        const versions = new Map([
          [API_KEY.fetch, fetch],
          [API_KEY.produce, { min: 0, max: 3 }],
        ])
        await using proxy = await openBrokerProxy(kafka.broker(1).port, { versions })
        const { connection, versions: offered } = await linkTo(proxy.port)
        const topicId = topicIds.get('codecs')!
        const version = fetchVersion(offered, [{ topicId }], connection.broker)
        const produceVersion = negotiateVersion(offered, PRODUCE, connection.broker)
        assert.deepEqual([version, produceVersion], [expected, 3])
        const place = ['codecs', 0, 0n] as const
        const answer = await fetchOne({ connection, versions: offered }, version, place, { topicId })
        assert.equal(batchesIn(answer.bytes).nextOffset, 1000n)
        connection.close()
      })
    }

    for (const [what, range, offer] of [
      ['none at all', null, 'none'],
      ['only newer ones', { min: 14, max: 17 }, '14 to 17'],
      ['only older ones', { min: 0, max: 3 }, '0 to 3'],
    ] as const) {
      test(`a broker that offers ${what} of Fetch is refused by name`, async () => {
        const versions = new Map<number, VersionRange | null>([[API_KEY.fetch, range]])
        await using proxy = await openBrokerProxy(kafka.broker(1).port, { versions })
        const { connection, versions: offered } = await linkTo(proxy.port)
        const refused = failureOf((async () => negotiateVersion(offered, FETCH, connection.broker))())
        const { code, message } = await refused
        assert.equal(code, 'KB_BROKER_UNSUPPORTED')
        assert.match(
          message,
          new RegExp(`127\\.0\\.0\\.1:${proxy.port} offers ${offer} of Fetch; .* speaks 4 to 13`),
        )
        connection.close()
      })
    }

    test('every version of Produce appends a patched batch and tells where', async () => {
      const values = PRODUCE_VERSIONS.map((requestVersion) => `by version ${requestVersion}`)
      for (const [index, requestVersion] of PRODUCE_VERSIONS.entries()) {
        const records = [record({ value: Buffer.from(values[index]!) }), record({ key: Buffer.from('k') })]
        const produced = await produce(requestVersion, 'versions', 0, batchOf(records, index * 2))
        assert.deepEqual(produced, [
          {
            topic: 'versions',
            partition: 0,
            errorCode: 0,
            baseOffset: BigInt(index * 2),
            errorMessage: null,
          },
        ])
      }
      const { bytes } = await fetchOne(link, 12, ['versions', 0, 0n])
      const found = batchesIn(bytes).batches.flatMap((batch) => [...readRecords(cursorOn(batch))])
      assert.deepEqual(
        found.filter((entry) => entry.key === null).map((entry) => entry.value?.toString()),
        values,
      )
      assert.equal(cursorOn(bytes).isTransactional, false)
      assert.equal(cursorOn(bytes).producerId, identity.producerId)
    })

    test('one request writes to several partitions and topics, and each answers for itself', async () => {
      const batch = (value: string) => batchOf([record({ value: Buffer.from(value) })], 0)
      for (const [round, requestVersion] of [3, 8].entries()) {
        const { producerId, producerEpoch } = await initProducerId(link.connection, round)
        const own = (value: string) => {
          const bytes = batch(value)
          patchForProduce(bytes, 0, { producerId, producerEpoch, baseSequence: 0, isTransactional: false })
          return bytes
        }
        const produced = await produceBatches(
          link.connection,
          requestVersion,
          [
            { topic: 'others', partition: 0, batch: own('o0') },
            { topic: 'versions', partition: 1, batch: own('v1') },
            { topic: 'others', partition: 1, batch: own('o1') },
            { topic: 'others', partition: 9, batch: own('nowhere') },
          ],
          PRODUCING,
        )
        const answers = produced.map((entry) => [
          entry.topic,
          entry.partition,
          entry.errorCode,
          entry.baseOffset,
        ])
        const at = BigInt(round)
        assert.equal(answers.length, 4)
        for (const expected of [
          ['others', 0, 0, at],
          ['versions', 1, 0, at],
          ['others', 1, 0, at],
          ['others', 9, 3, -1n],
        ]) {
          assert.ok(
            answers.some((answer) => answer.every((part, index) => part === expected[index])),
            `${expected}`,
          )
        }
      }
      const { bytes } = await fetchOne(link, 12, ['others', 1, 0n])
      const values = batchesIn(bytes).batches.flatMap((entry) => [...readRecords(cursorOn(entry))])
      assert.deepEqual(
        values.map((entry) => entry.value?.toString()),
        ['o1', 'o1'],
      )
    })

    test('a batch that is sent again keeps its offset; one that skips a sequence shows a changed target', async () => {
      const at = (baseSequence: number) =>
        batchOf([record({ value: Buffer.from(`sequence ${baseSequence}`) })], baseSequence)
      const first = await produce(8, 'sequences', 0, at(0))
      const second = await produce(8, 'sequences', 0, at(1))
      assert.deepEqual([first[0]?.baseOffset, second[0]?.baseOffset], [0n, 1n])
      for (const requestVersion of PRODUCE_VERSIONS) {
        const again = await produce(requestVersion, 'sequences', 0, at(0))
        assert.deepEqual([again[0]?.errorCode, again[0]?.baseOffset], [0, 0n])
      }
      const skipping = await produce(8, 'sequences', 0, at(3))
      assert.deepEqual([skipping[0]?.errorCode, skipping[0]?.baseOffset], [45, -1n])
      assert.equal(brokerError(45, 'writing').code, 'KB_TRANSACTION_LOST')
      assert.equal((await fetchOne(link, 12, ['sequences', 0, 0n])).highWatermark, 2n)
    })

    test('a batch above the limit of the topic is refused as such', async () => {
      const produced = await produce(8, 'small', 0, batchOf([record({ value: Buffer.alloc(20_000) })], 0))
      assert.deepEqual([produced[0]?.errorCode, produced[0]?.baseOffset], [10, -1n])
      const error = brokerError(10, 'writing small/0', { topic: 'small', partition: 0 })
      assert.equal(error.code, 'KB_RECORD_TOO_LARGE')
      assert.equal(error.context.kafkaError, 'MESSAGE_TOO_LARGE')
    })

    test('what the broker says of single records is read, and its message is passed on', async () => {
      const batch = batchOf([record({ key: Buffer.from('k') }), record(), record()], 0)
      for (const requestVersion of PRODUCE_VERSIONS) {
        const [refused] = await produce(requestVersion, 'compacted', 0, batch)
        assert.notEqual(refused?.errorCode, 0)
        assert.equal(refused?.baseOffset, -1n)
        if (requestVersion < 8) assert.equal(refused.errorMessage, null)
        else assert.match(refused.errorMessage ?? '', /records|key/i)
      }
    })

    test('each producer id is a new one', async () => {
      const identities = await Promise.all(
        [0, 1, 0, 1].map((entry) => initProducerId(link.connection, entry)),
      )
      assert.equal(new Set(identities.map((entry) => entry.producerId)).size, 4)
      assert.deepEqual(new Set(identities.map((entry) => entry.producerEpoch)), new Set([0]))
    })
  })
}
