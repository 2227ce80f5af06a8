import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fillTopics, KAFKA_VERSIONS, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import type { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { openCluster } from '../../src/kafka/client-cluster.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { failureOf, openRawServer, type RawServer } from './raw-server.ts'
import { topicOf } from './real-broker.ts'

const QUICK_MS = 10_000

/** A port of 127.0.0.1 where nothing listens. */
async function deadAddress(): Promise<string> {
  const server = await openRawServer(() => undefined)
  await server[Symbol.asyncDispose]()
  return `127.0.0.1:${server.port}`
}

/** Asks the cluster at these addresses for its topics, and says how long that took. */
async function askTopics(
  ...bootstrapServers: string[]
): Promise<{ failure: KafkaBackupError; tookMs: number }> {
  const cluster = openCluster({ bootstrapServers, clientId: 'test' })
  const beganMs = performance.now()
  const failure = await failureOf(cluster.topicNames())
  const tookMs = performance.now() - beganMs
  await cluster.close()
  return { failure, tookMs }
}

// It takes as long as the timeout of a request, so it is asked first and looked at last.
let silent: RawServer
let silentAnswer: ReturnType<typeof askTopics>

before(async () => {
  silent = await openRawServer(() => undefined)
  silentAnswer = askTopics(`127.0.0.1:${silent.port}`)
})

for (const version of KAFKA_VERSIONS) {
  describe(`Kafka ${version}`, () => {
    let kafka: KafkaCluster
    let cluster: Cluster

    before(async () => {
      kafka = await startKafkaCluster({ version, properties: { 'auto.create.topics.enable': 'true' } })
      cluster = openCluster({ bootstrapServers: kafka.bootstrapServers, clientId: 'test' })
      await cluster.createTopics([
        topicOf('orders', {
          partitions: 3,
          configs: { 'cleanup.policy': 'compact,delete', 'retention.ms': '-1' },
        }),
        topicOf('open'),
        topicOf('deleted', { partitions: 2 }),
      ])
      await fillTopics(kafka, [
        { topic: 'deleted', records: 100, valueBytes: 100, partition: 1 },
        {
          topic: 'open',
          records: 30,
          valueBytes: 100,
          transactions: { recordsPerTransaction: 10, leaveLastOpen: true },
        },
      ])
      await kafka.tools.deleteRecords('deleted', 1, 42)
    })

    after(async () => {
      await cluster?.close()
      await kafka?.close()
    })

    test('all topics are listed by name, internal ones too', async () => {
      assert.deepEqual(await cluster.topicNames(), ['__transaction_state', 'deleted', 'open', 'orders'])
    })

    test('a topic is described as the tools of Kafka describe it', async () => {
      const { clusterId, brokers, topics } = await cluster.describe(['orders', 'open'])
      assert.equal(clusterId, kafka.clusterId)
      assert.deepEqual([...brokers.keys()], [1])
      assert.deepEqual([brokers.get(1)?.host, brokers.get(1)?.port], ['127.0.0.1', kafka.broker(1).port])
      assert.deepEqual(
        topics.map((topic) => topic.name),
        ['open', 'orders'],
      )
      const orders = topics[1]
      assert.equal(orders?.topicId?.length, 22)
      assert.equal(orders.topicId, (await kafka.tools.describeTopic('orders')).topicId)
      assert.equal(orders.replicationFactor, 1)
      assert.deepEqual(
        orders.partitions,
        [0, 1, 2].map((partition) => ({
          partition,
          leader: 1,
          leaderEpoch: 0,
          replicas: 1,
          inSyncReplicas: 1,
        })),
      )
    })

    test('asked for no topic, it describes the brokers and nothing else', async () => {
      const { brokers, topics } = await cluster.describe([])
      assert.deepEqual([brokers.size, topics.length], [1, 0])
      assert.equal((await cluster.listOffsets('log_start', [])).size, 0)
      assert.equal((await cluster.topicConfigs([], ['cleanup.policy'])).size, 0)
    })

    test('missing topics are named, all of them, and asking creates none', async () => {
      const failure = await failureOf(cluster.describe(['gone', 'orders', 'lost']))
      assert.equal(failure.code, 'KB_TOPIC_NOT_FOUND')
      assert.match(failure.message, /^topics "gone", "lost" do not exist on 127\.0\.0\.1:\d+$/)
      assert.match((await failureOf(cluster.describe(['gone']))).message, /^topic "gone" does not exist/)

      // Only a topic that was deleted a moment ago, or created, gets this far.
      const offsetsOf = (topic: string, partition: number) =>
        failureOf(
          cluster.listOffsets('log_start', [
            { topic: 'orders', partition: 0 },
            { topic, partition },
          ]),
        )
      const [topic, partition] = await Promise.all([offsetsOf('gone', 0), offsetsOf('orders', 3)])
      assert.equal(topic.code, 'KB_BROKER_TRANSIENT')
      assert.equal(topic.message, 'listing offsets of gone/0: the broker answered UNKNOWN_TOPIC_OR_PARTITION')
      assert.deepEqual([topic.context.topic, topic.context.partition], ['gone', 0])
      assert.equal(partition.code, 'KB_BROKER_TRANSIENT')
      const configs = await failureOf(cluster.topicConfigs(['orders', 'gone'], ['cleanup.policy']))
      assert.deepEqual([configs.code, configs.context.topic], ['KB_BROKER_TRANSIENT', 'gone'])
      assert.deepEqual(await cluster.topicNames(), ['__transaction_state', 'deleted', 'open', 'orders'])
    })

    /*
     * The client library drops internal topics from what it read, and a topic that --topics named and that did exist could be
     * neither described nor backed up.
     */
    test('an internal topic is described, and its offsets are told, like those of any other', async () => {
      const { topics } = await cluster.describe(['orders', '__transaction_state'])
      assert.deepEqual(
        topics.map((topic) => [topic.name, topic.isInternal, topic.partitions.length]),
        [
          ['__transaction_state', true, 3],
          ['orders', false, 3],
        ],
      )
      const partitions = [0, 1, 2].map((partition) => ({ topic: '__transaction_state', partition }))
      const ends = await cluster.listOffsets('high_watermark', partitions)
      // One transactional producer wrote there, to one partition.
      assert.equal([...ends.values()].filter((end) => end > 0n).length, 1)
      assert.equal(ends.size, 3)
    })

    test('a survey tells missing topics from those that are there, and names no topic can have are missing', async () => {
      const survey = await cluster.survey(['orders', 'gone', 'orders', 'no/topic', '__transaction_state'])
      assert.deepEqual(
        survey.topics.map((topic) => topic.name),
        ['__transaction_state', 'orders'],
      )
      assert.deepEqual(Object.fromEntries(survey.absent), { gone: 'missing', 'no/topic': 'missing' })
      assert.equal(survey.clusterId, kafka.clusterId)
      assert.deepEqual((await cluster.survey([])).absent.size, 0)
    })

    test('the offsets of a partition are told apart by kind', async () => {
      const partitions = [
        { topic: 'open', partition: 0 },
        { topic: 'deleted', partition: 1 },
        { topic: 'deleted', partition: 0 },
      ]
      const offsetsOf = async (kind: Parameters<Cluster['listOffsets']>[0]) =>
        Object.fromEntries(await cluster.listOffsets(kind, partitions))
      assert.deepEqual(await offsetsOf('log_start'), { 'open/0': 0n, 'deleted/1': 42n, 'deleted/0': 0n })
      // Two transactions of ten records with a marker each, and ten records that nobody ended.
      assert.deepEqual(await offsetsOf('high_watermark'), {
        'open/0': 32n,
        'deleted/1': 100n,
        'deleted/0': 0n,
      })
      assert.deepEqual(await offsetsOf('last_stable'), { 'open/0': 22n, 'deleted/1': 100n, 'deleted/0': 0n })
    })

    test('a topic that is still being created is waited for, for a moment', async () => {
      const asking = cluster.listOffsets('high_watermark', [
        { topic: 'orders', partition: 0 },
        { topic: 'soon', partition: 1 },
      ])
      const maker = openCluster({ bootstrapServers: kafka.bootstrapServers, clientId: 'test' })
      await delay(300)
      await maker.createTopics([topicOf('soon', { partitions: 2 })])
      await maker.close()
      assert.deepEqual(Object.fromEntries(await asking), { 'orders/0': 0n, 'soon/1': 0n })
    })

    test('the settings of topics are those that were asked for, set or not', async () => {
      const configs = await cluster.topicConfigs(['orders', 'open'], ['cleanup.policy', 'max.message.bytes'])
      assert.deepEqual(Object.fromEntries(configs.get('orders') ?? []), {
        'cleanup.policy': 'compact,delete',
        'max.message.bytes': '1048588',
      })
      assert.equal(configs.get('open')?.get('cleanup.policy'), 'delete')
      assert.equal(configs.size, 2)
    })

    /*
     * A broker answers CreateTopics before it has the topic in its own metadata, and the library makes "Unknown topic" an
     * error of the caller. The wait for leaders gave up at once, in 99 of 100 creations of a topic of ten partitions; the
     * first topic after the start of a broker did not show it.
     */
    test('topics that were just created have leaders when the call returns', async () => {
      for (let round = 0; round < 4; round++) {
        const created = [0, 1].map((index) => topicOf(`new-${round}-${index}`, { partitions: 10 }))
        await cluster.createTopics(created)
        const { topics } = await cluster.describe(created.map((topic) => topic.name))
        assert.deepEqual(
          topics.map((topic) => topic.partitions.map((entry) => entry.leader)),
          created.map((topic) => Array(topic.partitions).fill(1)),
        )
      }
    })

    test('a created topic has the settings that it was given', async () => {
      const settings = { 'cleanup.policy': 'compact', 'max.message.bytes': '2000000' }
      await cluster.createTopics([topicOf('with-settings', { partitions: 2, configs: settings })])
      const configs = await cluster.topicConfigs(['with-settings'], Object.keys(settings))
      assert.deepEqual(Object.fromEntries(configs.get('with-settings') ?? []), settings)
    })

    test('a topic that exists already, or that the broker does not want, is refused with its reason', async () => {
      const existing = await failureOf(cluster.createTopics([topicOf('orders')]))
      assert.equal(existing.code, 'KB_TARGET_UNSUITABLE')
      assert.equal(existing.context.topic, 'orders')
      assert.match(existing.message, /^creating topic orders: .*TOPIC_ALREADY_EXISTS.*already exists/)
      const replicas = { ...topicOf('three-replicas'), replicationFactor: 3 }
      const replication = await failureOf(cluster.createTopics([replicas]))
      assert.equal(replication.code, 'KB_TARGET_UNSUITABLE')
      assert.match(replication.message, /INVALID_REPLICATION_FACTOR \(.*replication factor/i)
      const invalid = topicOf('bad-settings', { configs: { 'cleanup.policy': 'burn' } })
      assert.match((await failureOf(cluster.createTopics([invalid]))).message, /cleanup\.policy/)
    })

    test('calls at the same time do not mix up their answers', async () => {
      const names = ['orders', 'open', 'deleted']
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => cluster.describe([names[index % 3]!])),
      )
      assert.deepEqual(
        answers.map((answer) => answer.topics.map((topic) => topic.name)),
        answers.map((_, index) => [names[index % 3]]),
      )
    })

    test('the second bootstrap server is asked when the first is dead', async () => {
      const bootstrapServers = [await deadAddress(), ...kafka.bootstrapServers]
      const second = openCluster({ bootstrapServers, clientId: 'test' })
      assert.equal((await second.describe(['orders'])).clusterId, kafka.clusterId)
      await second.close()
    })

    test('a cluster that dies is unreachable, and nothing is left that could end the process', async () => {
      await kafka.broker(1).kill()
      for (let attempt = 0; attempt < 3; attempt++) {
        const failure = await failureOf(cluster.topicNames())
        assert.equal(failure.code, 'KB_CLUSTER_UNREACHABLE')
      }
    })
  })
}

test('a cluster where nothing listens is unreachable within seconds, with the reason', async () => {
  const { failure, tookMs } = await askTopics(await deadAddress(), await deadAddress())
  assert.equal(failure.code, 'KB_CLUSTER_UNREACHABLE')
  assert.match(
    failure.message,
    /^no broker answers at 127.*: connect ECONNREFUSED 127.*; broker 127.*: connect ECONNREFUSED 127/,
  )
  assert.ok(tookMs < QUICK_MS, `${tookMs} ms`)
})

test('a host name that nobody knows is unreachable within seconds, with the reason', async () => {
  const { failure, tookMs } = await askTopics('no-such-host.invalid:9092')
  assert.equal(failure.code, 'KB_CLUSTER_UNREACHABLE')
  assert.match(failure.message, /no-such-host\.invalid:9092: getaddrinfo (ENOTFOUND|EAI_AGAIN)/)
  assert.ok(tookMs < QUICK_MS, `${tookMs} ms`)
})

test('a broker that accepts and stays silent is unreachable after the timeout of a request', async () => {
  const { failure, tookMs } = await silentAnswer
  await silent[Symbol.asyncDispose]()
  assert.equal(failure.code, 'KB_CLUSTER_UNREACHABLE')
  assert.match(failure.message, /no answer within 15000 ms/)
  assert.ok(tookMs < 20_000, `${tookMs} ms`)
})
