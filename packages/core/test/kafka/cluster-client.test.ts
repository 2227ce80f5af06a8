import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fillTopics, KAFKA_VERSIONS, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import type { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { openCluster } from '../../src/kafka/client-cluster.ts'
import { translateClientError } from '../../src/kafka/client-error.ts'
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
        [0, 1, 2].map((partition) => ({ partition, leader: 1, leaderEpoch: 0 })),
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
      const offsets = await failureOf(cluster.listOffsets('log_start', [{ topic: 'gone', partition: 0 }]))
      assert.equal(offsets.code, 'KB_BROKER_TRANSIENT')
      const partition = await failureOf(cluster.listOffsets('log_start', [{ topic: 'orders', partition: 3 }]))
      assert.equal(partition.code, 'KB_BROKER_TRANSIENT')
      const configs = await failureOf(cluster.topicConfigs(['gone'], ['cleanup.policy']))
      assert.equal(configs.code, 'KB_BROKER_TRANSIENT')
      assert.deepEqual(await cluster.topicNames(), ['__transaction_state', 'deleted', 'open', 'orders'])
    })

    /*
     * The client library drops internal topics from what it read, and the description was made from nothing: a TypeError,
     * shown as a defect of the program, for a topic that --topics names and that does exist.
     */
    test('an internal topic cannot be described, and the error says so', async () => {
      const failure = await failureOf(cluster.describe(['orders', '__transaction_state']))
      assert.equal(failure.code, 'KB_CONFIG_UNSUPPORTED')
      assert.match(failure.message, /"__transaction_state" is internal/)
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
      assert.match(existing.message, /^creating topic orders: .*TOPIC_ALREADY_EXISTS.*already exists/)
      const replicas = { ...topicOf('three-replicas'), replicationFactor: 3 }
      assert.match((await failureOf(cluster.createTopics([replicas]))).message, /replication factor/i)
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
    /^listing topics on 127.*: connection to 127\.0\.0\.1:\d+ failed \(.*ECONNREFUSED/,
  )
  assert.ok(tookMs < QUICK_MS, `${tookMs} ms`)
})

test('a host name that nobody knows is unreachable within seconds, with the reason', async () => {
  const { failure, tookMs } = await askTopics('no-such-host.invalid:9092')
  assert.equal(failure.code, 'KB_CLUSTER_UNREACHABLE')
  assert.match(failure.message, /no-such-host\.invalid:9092 failed \(getaddrinfo (ENOTFOUND|EAI_AGAIN)/)
  assert.ok(tookMs < QUICK_MS, `${tookMs} ms`)
})

test('an error that the library did not foresee is not worth another try, and keeps its words', () => {
  const failure = translateClientError(new Error('Something odd.'), 'listing topics')
  assert.deepEqual(
    [failure.code, failure.retryable, failure.message],
    ['KB_BROKER_ERROR', false, 'listing topics: something odd'],
  )
  assert.equal(translateClientError(failure, 'again'), failure)
  assert.equal(translateClientError('text', 'asking').message, 'asking: text')
})

/*
 * The timeout that the client was given was that of the broker's work; its own patience with a request stayed at the
 * library's half a minute.
 */
test('a broker that accepts and stays silent is unreachable after the timeout of a request', async () => {
  const { failure, tookMs } = await silentAnswer
  await silent[Symbol.asyncDispose]()
  assert.equal(failure.code, 'KB_CLUSTER_UNREACHABLE')
  assert.match(failure.message, /timed out/)
  assert.ok(tookMs < 20_000, `${tookMs} ms`)
})
