import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fillTopics, KAFKA_VERSIONS, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import type { BrokerLink } from '../../src/kafka/broker-connections.ts'
import { openCluster } from '../../src/kafka/client-cluster.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { fetchVersion } from '../../src/kafka/fetch-api.ts'
import { batchesIn, fetchOne, linkTo, topicOf } from './real-broker.ts'

const UNKNOWN_TOPIC_ID = 100
const UNKNOWN_LEADER_EPOCH = 75

for (const version of KAFKA_VERSIONS) {
  describe(`Kafka ${version}`, () => {
    let kafka: KafkaCluster
    let cluster: Cluster
    let link: BrokerLink

    const idOf = async (topic: string): Promise<string> => {
      const [found] = (await cluster.describe([topic])).topics
      return found?.topicId ?? ''
    }

    before(async () => {
      kafka = await startKafkaCluster({ version })
      cluster = openCluster({ bootstrapServers: kafka.bootstrapServers, clientId: 'test' })
      await cluster.createTopics([topicOf('one'), topicOf('two'), topicOf('reborn')])
      await fillTopics(kafka, [
        { topic: 'one', records: 100 },
        { topic: 'two', records: 50 },
        { topic: 'reborn', records: 30 },
      ])
      link = await linkTo(kafka.broker(1).port)
    })

    after(async () => {
      link?.connection.close()
      await cluster?.close()
      await kafka?.close()
    })

    test('version 13 names topics by id and gives the same bytes', async () => {
      const topicId = await idOf('one')
      const byName = await fetchOne(link, 12, ['one', 0, 0n])
      const byId = await fetchOne(link, 13, ['one', 0, 0n], { topicId })
      assert.ok(byId.bytes.equals(byName.bytes))
      assert.deepEqual([byId.topic, byId.highWatermark], ['one', 100n])
      assert.equal(batchesIn(byId.bytes).nextOffset, 100n)
    })

    test('ids are used only when every topic has one', () => {
      const { versions, connection } = link
      assert.equal(fetchVersion(versions, [{ topicId: 'a' }, { topicId: 'b' }], connection.broker), 13)
      assert.equal(fetchVersion(versions, [{ topicId: 'a' }, { topicId: null }], connection.broker), 12)
    })

    test('a topic of the same name with another id is not read, and by its name it is', async () => {
      const topicId = await idOf('reborn')
      await kafka.tools.deleteTopic('reborn')
      await cluster.createTopics([topicOf('reborn')])
      await fillTopics(kafka, [{ topic: 'reborn', records: 60 }])
      const byId = await fetchOne(link, 13, ['reborn', 0, 30n], { topicId })
      assert.deepEqual([byId.errorCode, byId.bytes.length], [UNKNOWN_TOPIC_ID, 0])
      const byName = await fetchOne(link, 12, ['reborn', 0, 30n])
      assert.deepEqual([byName.errorCode, byName.bytes.length > 0], [0, true])
    })

    test('a leader says where its history ends when the epoch that was read last is not its own', async () => {
      const parted = await fetchOne(link, 12, ['one', 0, 50n], { lastFetchedEpoch: 0 })
      assert.equal(parted.diverging, null)
      const beyond = await fetchOne(link, 12, ['one', 0, 50n], { lastFetchedEpoch: 7 })
      assert.equal(beyond.bytes.length, 0)
      assert.ok(beyond.errorCode !== 0 || beyond.diverging !== null)
    })

    test('an epoch of the leader that is not the present one is refused', async () => {
      const [entry] = (await cluster.describe(['two'])).topics[0]?.partitions ?? []
      const leaderEpoch = entry?.leaderEpoch ?? -1
      const same = await fetchOne(link, 12, ['two', 0, 0n], { leaderEpoch })
      assert.equal(same.errorCode, 0)
      const newer = await fetchOne(link, 12, ['two', 0, 0n], { leaderEpoch: leaderEpoch + 1 })
      assert.equal(newer.errorCode, UNKNOWN_LEADER_EPOCH)
    })
  })
}
