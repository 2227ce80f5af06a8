import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  fillTopics,
  KAFKA_VERSIONS,
  type KafkaCluster,
  SourceDriver,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { API_KEY, type VersionRange } from '../../src/kafka/api-versions.ts'
import { openCluster } from '../../src/kafka/client-cluster.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import {
  CREATE_TOPICS,
  DESCRIBE_CONFIGS,
  DESCRIBE_PRODUCERS,
  DESCRIBE_TRANSACTIONS,
  LIST_OFFSETS,
  LIST_TRANSACTIONS,
  METADATA,
  OFFSET_FOR_LEADER_EPOCH,
} from '../../src/kafka/cluster-requests.ts'
import type { ConsumerGroup } from '../../src/kafka/consumer-group.ts'
import {
  CONSUMER_GROUP_DESCRIBE,
  DESCRIBE_GROUPS,
  LIST_GROUPS,
  OFFSET_FETCH,
} from '../../src/kafka/group-requests.ts'
import { FIND_COORDINATOR } from '../../src/kafka/transaction-requests.ts'
import { type AdvertisedProxy, openAdvertisedProxy } from './advertised-proxy.ts'
import { failureOf } from './raw-server.ts'
import { topicOf } from './real-broker.ts'

const OPEN = { topic: 'open', partition: 0 }
const EMPTY = { topic: 'orders', partition: 1 }
const TRANSACTIONAL_ID = 'never-ended'
const STRANGE_GROUP = `a "group", with 'quotes' and \u{1f4be} & ünicode; $(rm)`
const METADATA_TEXT = 'read by naïve "client"'

interface Visit {
  readonly cluster: Cluster
  readonly proxy: AdvertisedProxy
}

/** Versions that a request may have when its key is offered up to each of ours. */
const allVersions = (api: { key: number; firstVersion: number; codecs: readonly unknown[] }) =>
  api.codecs.map((_, index) => ({ key: api.key, version: api.firstVersion + index }))

for (const kafkaVersion of KAFKA_VERSIONS) {
  describe(`Kafka ${kafkaVersion} behind a proxy that hides newer versions`, () => {
    let kafka: KafkaCluster

    before(async () => {
      kafka = await startKafkaCluster({ version: kafkaVersion })
      const cluster = openCluster({ bootstrapServers: kafka.bootstrapServers, clientId: 'test' })
      await cluster.createTopics([
        topicOf('orders', { partitions: 2, configs: { 'retention.ms': '77000' } }),
        topicOf('open'),
      ])
      await cluster.close()
      const transactions = {
        recordsPerTransaction: 10,
        leaveLastOpen: true,
        transactionalId: TRANSACTIONAL_ID,
      }
      await fillTopics(kafka, [{ topic: 'open', records: 20, valueBytes: 100, transactions }])
    })

    after(async () => {
      await kafka?.close()
    })

    /** Asks through a proxy that offers these versions, and no others of these requests. */
    async function visit<T>(
      versions: readonly (readonly [key: number, VersionRange | null])[],
      ask: (visit: Visit) => Promise<T>,
    ): Promise<T> {
      await using proxy = await openAdvertisedProxy(kafka.broker(1).port, { versions: new Map(versions) })
      const cluster = openCluster({ bootstrapServers: [`127.0.0.1:${proxy.port}`], clientId: 'test' })
      try {
        return await ask({ cluster, proxy })
      } finally {
        await cluster.close()
      }
    }

    /** The same through every one of our versions of a request, of which the last is what the broker offers itself. */
    async function inEveryVersion<T>(
      api: Parameters<typeof allVersions>[0],
      ask: (cluster: Cluster, version: number) => Promise<T>,
      last = api.firstVersion + api.codecs.length - 1,
    ): Promise<T[]> {
      const answers: T[] = []
      for (const { key, version } of allVersions(api).filter((entry) => entry.version <= last)) {
        await visit([[key, { min: 0, max: version }]], async ({ cluster, proxy }) => {
          answers.push(await ask(cluster, version))
          const used = proxy.requests.filter(([apiKey]) => apiKey === key)
          assert.ok(used.length > 0)
          assert.deepEqual([...new Set(used.map(([, usedVersion]) => usedVersion))], [version])
        })
      }
      return answers
    }

    test('metadata is the same in every version, but for topic ids, which begin with version 10', async () => {
      const answers = await inEveryVersion(METADATA, async (cluster, version) => {
        const { absent, brokers, ...rest } = await cluster.survey(['orders', 'gone', '__transaction_state'])
        assert.equal(brokers.size, 1)
        assert.deepEqual(Object.fromEntries(absent), { gone: 'missing' })
        assert.deepEqual(await cluster.topicNames(), ['__transaction_state', 'open', 'orders'])
        const ids = rest.topics.map((topic) => topic.topicId)
        if (version < 10) assert.deepEqual(ids, [null, null])
        else assert.ok(ids.every((id) => id?.length === 22))
        return { ...rest, topics: rest.topics.map((topic) => ({ ...topic, topicId: null })) }
      })
      assert.equal(answers.length, 6)
      for (const answer of answers) assert.deepEqual(answer, answers[0])
      assert.deepEqual(answers[0]?.topics[1]?.partitions, [
        { partition: 0, leader: 1, leaderEpoch: 0, replicas: 1, inSyncReplicas: 1 },
        { partition: 1, leader: 1, leaderEpoch: 0, replicas: 1, inSyncReplicas: 1 },
      ])
    })

    test('brokers of 3.7 and later are told from earlier ones by their Produce', async () => {
      for (const [max, capping] of [
        [9, []],
        [10, [1]],
      ] as const) {
        await visit([[API_KEY.produce, { min: 0, max }]], async ({ cluster }) => {
          assert.deepEqual([...(await cluster.cappingBrokers([1, 1, 7, -1]))], capping)
        })
      }
    })

    test('offsets are the same in every version', async () => {
      const answers = await inEveryVersion(LIST_OFFSETS, async (cluster) => {
        const kinds = ['log_start', 'high_watermark', 'last_stable'] as const
        const maps = await Promise.all(kinds.map((kind) => cluster.listOffsets(kind, [OPEN, EMPTY])))
        return maps.map((map) => Object.fromEntries(map))
      })
      assert.equal(answers.length, 6)
      for (const answer of answers) {
        assert.deepEqual(answer, [
          { 'open/0': 0n, 'orders/1': 0n },
          { 'open/0': 21n, 'orders/1': 0n },
          { 'open/0': 11n, 'orders/1': 0n },
        ])
      }
    })

    test('the ends of epochs are the same in every version', async () => {
      const questions = [
        { ...OPEN, leaderEpoch: 0 },
        { ...EMPTY, leaderEpoch: 5 },
      ]
      const answers = await inEveryVersion(OFFSET_FOR_LEADER_EPOCH, async (cluster) =>
        Object.fromEntries(await cluster.epochEnds(questions)),
      )
      assert.equal(answers.length, 3)
      for (const answer of answers) {
        assert.deepEqual(answer, {
          'open/0': { leaderEpoch: 0, endOffset: 21n },
          'orders/1': { leaderEpoch: -1, endOffset: -1n },
        })
      }
    })

    test('settings of topics are the same in every version', async () => {
      const answers = await inEveryVersion(DESCRIBE_CONFIGS, async (cluster) => {
        const configs = await cluster.topicConfigs(['orders'], ['retention.ms', 'cleanup.policy'])
        return Object.fromEntries(configs.get('orders') ?? [])
      })
      assert.equal(answers.length, 4)
      for (const answer of answers)
        assert.deepEqual(answer, { 'cleanup.policy': 'delete', 'retention.ms': '77000' })
    })

    test('topics are created, and refused, in every version', async () => {
      const answers = await inEveryVersion(CREATE_TOPICS, async (cluster, version) => {
        const topic = topicOf(`made-${version}`, { partitions: 2, configs: { 'retention.ms': '88000' } })
        await cluster.createTopics([topic])
        const [denied, tried] = await cluster.tryTopics([topic, { ...topic, name: 'only-tried' }])
        assert.match(denied?.failure?.message ?? '', /TOPIC_ALREADY_EXISTS/)
        assert.deepEqual([denied?.settings, tried?.failure], [null, null])
        // What is given, and a default of the brokers; version 5 is the first that tells.
        const told = ['retention.ms', 'max.message.bytes'].map((name) => tried?.settings?.get(name))
        assert.deepEqual(told, version < 5 ? [undefined, undefined] : ['88000', '1048588'])
        assert.ok(!(await cluster.topicNames()).includes('only-tried'))
        const again = await failureOf(cluster.createTopics([topic]))
        assert.match(again.message, /^creating topic made-\d: .*TOPIC_ALREADY_EXISTS \(.*already exists/)
        const configs = await cluster.topicConfigs([topic.name], ['retention.ms'])
        const [described] = (await cluster.describe([topic.name])).topics
        return [configs.get(topic.name)?.get('retention.ms'), described?.partitions.length]
      })
      assert.deepEqual(answers, Array(4).fill(['88000', 2]))
    })

    test('open transactions are the same in every version', async () => {
      const newest = kafkaVersion === '3.9.1' ? 1 : 2
      const answers = await inEveryVersion(
        LIST_TRANSACTIONS,
        (cluster) => cluster.openTransactions([OPEN]),
        newest,
      )
      assert.equal(answers.length, newest + 1)
      for (const answer of answers) {
        assert.deepEqual(answer, answers[0])
        assert.equal(answer[0]?.transactionalId, TRANSACTIONAL_ID)
      }
    })

    describe('groups', () => {
      let driver: SourceDriver
      const hasModern = kafkaVersion !== '3.9.1'

      before(async () => {
        driver = new SourceDriver(kafka)
        const entry = { topic: 'orders', partition: 1, offset: 7n, metadata: METADATA_TEXT }
        await driver.commitGroup(STRANGE_GROUP, entry)
        await driver.commitGroup(STRANGE_GROUP, { topic: 'open', partition: 0, offset: 11n })
        await driver.joinGroup('classic-readers', 'open', 'classic')
        if (hasModern) await driver.joinGroup('modern-readers', 'open', 'consumer')
      })

      after(() => driver?.[Symbol.asyncDispose]())

      const read = async (cluster: Cluster, known: readonly string[] = []) => {
        const { groups, silentBrokers } = await cluster.consumerGroups(known)
        assert.deepEqual([...silentBrokers], [])
        assert.ok(groups.every(({ failure }) => failure === null))
        return new Map(groups.map((entry) => [entry.group, entry]))
      }
      const stranger = (groups: Awaited<ReturnType<typeof read>>) => {
        const { offsets, ...rest } = groups.get(STRANGE_GROUP) ?? {}
        return { ...rest, offsets: [...(offsets ?? [])].sort((a, b) => (a.topic < b.topic ? -1 : 1)) }
      }
      const expected = {
        ...{
          group: STRANGE_GROUP,
          type: 'classic',
          protocolType: '',
          state: 'Empty',
          members: 0,
          failure: null,
        },
        offsets: [
          { topic: 'open', partition: 0, offset: 11n, leaderEpoch: -1, metadata: '' },
          { topic: 'orders', partition: 1, offset: 7n, leaderEpoch: -1, metadata: METADATA_TEXT },
        ],
      }

      test('are listed with members, whatever protocol they speak', async () => {
        await visit([], async ({ cluster }) => {
          const groups = await read(cluster)
          assert.deepEqual(stranger(groups), expected)
          const told = ({ type, protocolType, state, members }: Partial<ConsumerGroup> = {}) => [
            ...[type, protocolType, state, members],
          ]
          assert.deepEqual(told(groups.get('classic-readers')), ['classic', 'consumer', 'Stable', 1])
          if (hasModern)
            assert.deepEqual(told(groups.get('modern-readers')), ['consumer', 'consumer', 'Stable', 1])
        })
      })

      test('have the same offsets in every version of every request', async () => {
        const newest = kafkaVersion === '3.9.1' ? 6 : undefined
        const asked = [
          ...[OFFSET_FETCH, FIND_COORDINATOR, DESCRIBE_GROUPS].map((api) =>
            inEveryVersion(api, (cluster) => read(cluster), newest),
          ),
        ]
        for (const answers of await Promise.all(asked))
          for (const groups of answers) assert.deepEqual(stranger(groups), expected)
        for (const groups of await inEveryVersion(LIST_GROUPS, (cluster) => read(cluster)))
          assert.deepEqual(stranger(groups).offsets, expected.offsets)
      })

      test('that are not listed are asked for by name, and those that nobody knows are absent', async () => {
        await visit([], async ({ cluster, proxy }) => {
          const groups = await read(cluster, ['nobody', STRANGE_GROUP])
          assert.deepEqual(groups.get('nobody'), {
            ...{ group: 'nobody', type: 'unknown', protocolType: '', state: 'Absent', members: 0 },
            ...{ offsets: [], failure: null },
          })
          const count = ({ key }: { readonly key: number }) =>
            proxy.requests.filter(([apiKey]) => apiKey === key).length
          // The latter two also for groups that nobody has, to learn whether the list is whole.
          assert.deepEqual([LIST_GROUPS, FIND_COORDINATOR, OFFSET_FETCH].map(count), [1, 2, 2])
        })
      })

      test('brokers that do not list groups are named, and those that tell no states tell offsets', async () => {
        await visit([[LIST_GROUPS.key, null]], async ({ cluster }) => {
          const { groups, silentBrokers } = await cluster.consumerGroups([STRANGE_GROUP])
          assert.deepEqual([...silentBrokers.values()], ['UNSUPPORTED_VERSION'])
          assert.equal(groups[0]?.offsets?.length, 2)
        })
        const hidden = [DESCRIBE_GROUPS, CONSUMER_GROUP_DESCRIBE].map(({ key }) => [key, null] as const)
        await visit(hidden, async ({ cluster }) => assert.deepEqual(stranger(await read(cluster)), expected))
      })
    })

    test('brokers that do not speak of transactions or epochs tell what they can, and nothing fails', async () => {
      await visit([[DESCRIBE_PRODUCERS.key, null]], async ({ cluster }) => {
        assert.deepEqual(await cluster.openTransactions([OPEN]), [])
      })
      for (const { key } of [LIST_TRANSACTIONS, DESCRIBE_TRANSACTIONS]) {
        await visit([[key, null]], async ({ cluster }) => {
          const [open] = await cluster.openTransactions([OPEN])
          assert.deepEqual([open?.firstOffset, open?.transactionalId, open?.beganAtMs], [11n, null, null])
        })
      }
      await visit([[OFFSET_FOR_LEADER_EPOCH.key, null]], async ({ cluster }) => {
        assert.equal((await cluster.epochEnds([{ ...OPEN, leaderEpoch: 0 }])).size, 0)
      })
    })

    test('a broker that is too old, or too new, is refused with the versions of both', async () => {
      await visit([[METADATA.key, { min: 0, max: 6 }]], async ({ cluster }) => {
        const failure = await failureOf(cluster.topicNames())
        assert.equal(failure.code, 'KB_BROKER_UNSUPPORTED')
        assert.match(failure.message, /offers 0 to 6 of Metadata; this program speaks 7 to 12/)
      })
      await visit([[LIST_OFFSETS.key, { min: 10, max: 11 }]], async ({ cluster }) => {
        const failure = await failureOf(cluster.listOffsets('log_start', [OPEN]))
        assert.match(failure.message, /offers 10 to 11 of ListOffsets; this program speaks 4 to 9/)
      })
    })

    test('connections that broke are opened again, and a question that was lost with one is put again', async () => {
      await visit([], async ({ cluster, proxy }) => {
        await cluster.listOffsets('log_start', [OPEN])
        proxy.breakConnections()
        assert.equal((await cluster.topicNames()).length > 0, true)
        proxy.dropNext(METADATA.key)
        assert.equal((await cluster.describe(['orders'])).topics.length, 1)
      })
    })

    test('a creation that was lost with its connection is not repeated', async () => {
      await visit([], async ({ cluster, proxy }) => {
        await cluster.topicNames()
        proxy.dropNext(CREATE_TOPICS.key)
        const failure = await failureOf(cluster.createTopics([topicOf('lost')]))
        assert.equal(failure.code, 'KB_CLUSTER_UNREACHABLE')
        assert.match(failure.message, /^creating topic lost: broker/)
        assert.ok(proxy.requests.every(([apiKey]) => apiKey !== CREATE_TOPICS.key))
      })
    })
  })
}
