import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { fillTopics, type KafkaCluster, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import { openCluster } from '../../src/kafka/client-cluster.ts'
import type { Cluster, OpenTransaction } from '../../src/kafka/cluster.ts'
import { failureOf } from './raw-server.ts'
import { topicOf } from './real-broker.ts'

const PARTITIONS = [0, 1, 2].map((partition) => ({ topic: 'orders', partition }))
const RECORDS_EACH = 20
const MOVED_WITHIN_MS = 60_000
const HIGH_WATERMARK_KNOWN_MS = 1_500
const GROUPS = Array.from({ length: 12 }, (_, number) => `group-${number}`)

/** Until it is so, or for as long as a move may take: what is expected behind it says what is wrong. */
async function waitFor(isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + MOVED_WITHIN_MS
  while (!(await isSo()) && performance.now() < deadlineMs) await delay(100)
}

describe('a cluster of three brokers', () => {
  let kafka: KafkaCluster
  let cluster: Cluster

  before(async () => {
    kafka = await startKafkaCluster({ brokers: 3, properties: { 'unclean.leader.election.enable': 'false' } })
    cluster = openCluster({ bootstrapServers: [kafka.bootstrapServers[0]!], clientId: 'test' })
    await cluster.createTopics([
      { ...topicOf('orders', { partitions: 3 }), replicationFactor: 3 },
      { ...topicOf('alone', { partitions: 3 }), replicationFactor: 1 },
    ])
    await fillTopics(
      kafka,
      PARTITIONS.map(({ topic, partition }) => {
        return {
          topic,
          partition,
          records: RECORDS_EACH,
          valueBytes: 100,
          transactions: {
            recordsPerTransaction: 10,
            leaveLastOpen: true,
            transactionalId: `writer-${partition}`,
          },
        }
      }),
    )
  })

  after(async () => {
    await cluster?.close()
    await kafka?.close()
  })

  const ends = async (from: Cluster = cluster) =>
    [...(await from.listOffsets('high_watermark', PARTITIONS))].sort(([a], [b]) => (a < b ? -1 : 1))
  const expectedEnds = PARTITIONS.map(({ partition }) => [`orders/${partition}`, BigInt(RECORDS_EACH + 1)])

  test('offsets, epochs and transactions are put together from all leaders and coordinators', async () => {
    const { brokers, topics } = await cluster.describe(['orders'])
    assert.deepEqual([...brokers.keys()].sort(), [1, 2, 3])
    assert.equal(topics[0]?.replicationFactor, 3)
    assert.equal(new Set(topics[0].partitions.map((entry) => entry.leader)).size, 3)
    assert.deepEqual(await ends(), expectedEnds)
    const epochs = await cluster.epochEnds(PARTITIONS.map((entry) => ({ ...entry, leaderEpoch: 0 })))
    assert.deepEqual(
      new Set([...epochs.values()].map((end) => `${end.leaderEpoch} ${end.endOffset}`)),
      new Set(['0 21']),
    )
    assert.equal(epochs.size, 3)
    const open = await cluster.openTransactions(PARTITIONS)
    const told = ({ partition, transactionalId, firstOffset }: OpenTransaction) =>
      `${partition} ${transactionalId} ${firstOffset}`
    assert.deepEqual(
      open.map(told).sort(),
      PARTITIONS.map(({ partition }) => `${partition} writer-${partition} 11`),
    )
    assert.ok(open.every((entry) => entry.beganAtMs !== null))
  })

  const readGroups = async () => {
    const { groups, silentBrokers } = await cluster.consumerGroups(GROUPS)
    assert.deepEqual([...silentBrokers], [])
    return groups
      .map(({ group, failure, offsets }) => [group, failure ?? offsets?.map(({ offset }) => offset)])
      .sort()
  }
  const expectedGroups = GROUPS.map((group, at) => [group, [BigInt(at)]]).sort()

  test('groups are put together from all coordinators', async () => {
    await using driver = new SourceDriver(kafka)
    for (const [at, group] of GROUPS.entries())
      await driver.commitGroup(group, { topic: 'orders', partition: 0, offset: BigInt(at) })
    assert.deepEqual(await readGroups(), expectedGroups)
  })

  test('when a broker dies the others are asked, and what only it knew is told as missing', async () => {
    const { topics } = await cluster.describe(['alone'])
    const orphan = topics[0]?.partitions.find((entry) => entry.leader === 1)?.partition ?? -1
    assert.ok(orphan >= 0)
    // Followers learn within half a second what is committed. A coordinator of 4.2.1 that takes a partition over before that may not show
    // what was written last, for as long as nothing more is written there.
    await delay(HIGH_WATERMARK_KNOWN_MS)
    // The only bootstrap server: from now on the client depends on what the cluster told it.
    await kafka.broker(1).kill()
    // Who takes groups over lists those that it has read so far: a listing is whole, or says what is missing.
    const { groups: listed, silentBrokers } = await cluster.consumerGroups([])
    if (silentBrokers.size === 0)
      assert.deepEqual(listed.map(({ group }) => group).sort(), [...GROUPS].sort())
    // A third of the groups was coordinated by it: others have to take them over first. A coordinator that had just done so has been
    // seen to answer without an error and without offsets.
    await waitFor(async () => isDeepStrictEqual(await readGroups(), expectedGroups))
    assert.deepEqual(await readGroups(), expectedGroups)
    const internal = ['__consumer_offsets', '__transaction_state']
    assert.deepEqual(await cluster.topicNames(), [...internal, 'alone', 'orders'])

    await waitFor(async () => {
      const survey = await cluster.survey(['orders', 'alone'])
      return survey.topics.every(({ partitions }) => partitions.every((entry) => entry.leader !== 1))
    })
    assert.deepEqual(await ends(), expectedEnds)
    const alone = (await cluster.survey(['alone'])).topics[0]
    assert.equal(alone?.partitions[orphan]?.leader, -1)
    assert.equal(alone.partitions.length, 3)

    const question = { topic: 'alone', partition: orphan }
    const failure = await failureOf(cluster.listOffsets('log_start', [...PARTITIONS, question]))
    assert.equal(failure.code, 'KB_BROKER_TRANSIENT')
    assert.equal(
      failure.message,
      `listing offsets of alone/${orphan}: the broker answered LEADER_NOT_AVAILABLE`,
    )
    const epochs = await cluster.epochEnds([
      { ...question, leaderEpoch: 0 },
      { topic: 'orders', partition: 0, leaderEpoch: 0 },
    ])
    assert.deepEqual([...epochs.keys()], ['orders/0'])
  })

  test('the end of an epoch is where the next leader took over', async () => {
    const { topics } = await cluster.describe(['orders'])
    const moved = topics[0]?.partitions.find((entry) => entry.leaderEpoch > 0)
    assert.ok(moved)
    const { partition, leaderEpoch } = moved
    const before = await cluster.epochEnds([{ topic: 'orders', partition, leaderEpoch: leaderEpoch - 1 }])
    assert.deepEqual(before.get(`orders/${partition}`), { leaderEpoch: 0, endOffset: 21n })
  })

  test('a client that knows one dead and one living server finds all leaders', async () => {
    const bootstrapServers = [kafka.bootstrapServers[0]!, kafka.bootstrapServers[2]!]
    const other = openCluster({ bootstrapServers, clientId: 'test' })
    assert.deepEqual(await ends(other), expectedEnds)
    await other.createTopics([{ ...topicOf('late', { partitions: 4 }), replicationFactor: 2 }])
    // Asked of the broker that knew the leaders: another one may not have heard of the topic yet.
    assert.equal((await other.describe(['late'])).topics[0]?.partitions.length, 4)
    await other.close()
  })
})
