import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  BatchCursor,
  type FetchedPartition,
  type FetchPartition,
  fetchBatches,
  fetchVersion,
  isKafkaBackupError,
  type OpenBrokerLink,
} from '@kafka-backup/core/internal'
import type { ReadingCluster } from '../simulation/simulated-cluster.ts'

/** A cluster to read from, and who changes it. Topics begin empty. */
export interface ClusterSubject {
  readonly cluster: ReadingCluster
  readonly openLink: OpenBrokerLink
  createTopic(name: string, partitions: number): Promise<void>
  /** One batch of so many records to partition 0. */
  append(topic: string, records: number): Promise<void>
  /** The same in a transaction that ends so; `open` stays open. */
  transact(topic: string, records: number, end: 'commit' | 'abort' | 'open'): Promise<void>
  deleteBefore(topic: string, offset: bigint): Promise<void>
  /** Commits for a group without members, in partition 0. */
  commitGroup(group: string, topic: string, offset: bigint, metadata: string): Promise<void>
  deleteGroup(group: string): Promise<void>
  close(): Promise<void>
}

const CLIENT = { clientId: 'conformance' }
const WHOLE_BYTES = 1024 * 1024
const OFFSET_OUT_OF_RANGE = 1
const UNKNOWN_LEADER_EPOCH = 75
const UNKNOWN_TOPIC_ID = 100
const STRANGE_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'

interface Asked {
  readonly offset: bigint
  readonly maxBytes?: number
  readonly isReadCommitted?: boolean
  readonly leaderEpoch?: number
  readonly lastFetchedEpoch?: number
  readonly topicId?: string
}

interface Answered extends FetchedPartition {
  readonly bases: readonly bigint[]
  readonly batches: Buffer
  readonly partialBytes: number
}

/** What a backup relies on when it reads a cluster, as tests: brokers have to pass them, and so has the simulated cluster. */
export function describeClusterReading(name: string, open: () => Promise<ClusterSubject>): void {
  describe(`reading ${name}`, () => {
    let subject: ClusterSubject
    before(async () => {
      subject = await open()
    })
    after(() => subject?.close())
    describeMetadata(() => subject)
    describeFetching(() => subject)
    describeTransactions(() => subject)
    describeGroups(() => subject)
  })
}

function describeMetadata(get: () => ClusterSubject): void {
  test('topics are described with their leaders, and missing ones are named', async () => {
    const { cluster, createTopic } = get()
    await createTopic('described', 2)
    assert.ok((await cluster.topicNames()).includes('described'))
    const { topics, brokers } = await cluster.describe(['described'])
    const [topic] = topics
    assert.equal(topic?.topicId?.length, 22)
    assert.deepEqual(
      topic.partitions.map(({ partition, leaderEpoch }) => [partition, leaderEpoch]),
      [
        [0, 0],
        [1, 0],
      ],
    )
    for (const { leader } of topic.partitions) assert.ok(brokers.has(leader))
    const { absent } = await cluster.survey(['described', 'nowhere'])
    assert.deepEqual([...absent], [['nowhere', 'missing']])
    await assert.rejects(cluster.describe(['nowhere']), (error) =>
      isKafkaBackupError(error, 'KB_TOPIC_NOT_FOUND'),
    )
  })

  test('settings of topics are told with where they stand, and what cannot be told leaves the others', async () => {
    const { cluster, createTopic } = get()
    await createTopic('set-up', 1)
    const told = await cluster.topicSettings(['set-up', 'nowhere'], ['cleanup.policy'])
    assert.deepEqual(told.get('set-up'), {
      settings: [{ name: 'cleanup.policy', value: 'delete', source: 'default' }],
      unread: null,
    })
    assert.deepEqual(told.get('nowhere'), { settings: null, unread: 'UNKNOWN_TOPIC_OR_PARTITION' })
    const all = (await cluster.topicSettings(['set-up'], null)).get('set-up')?.settings ?? []
    const names = all.map(({ name }) => name)
    assert.ok(names.includes('cleanup.policy') && names.includes('min.insync.replicas'), names.join())
    assert.deepEqual(names, names.toSorted())
  })

  test('offsets and the ends of epochs follow the log', async () => {
    const { cluster, createTopic, append, deleteBefore } = get()
    await createTopic('counted', 1)
    await append('counted', 4)
    await append('counted', 6)
    await deleteBefore('counted', 3n)
    const [asked] = [[{ topic: 'counted', partition: 0 }]]
    const offsetOf = async (kind: 'log_start' | 'high_watermark' | 'last_stable') =>
      (await cluster.listOffsets(kind, asked)).get('counted/0')
    assert.equal(await offsetOf('log_start'), 3n)
    assert.equal(await offsetOf('high_watermark'), 10n)
    assert.equal(await offsetOf('last_stable'), 10n)
    const endOf = async (leaderEpoch: number) => {
      const ends = await cluster.epochEnds(asked.map((entry) => ({ ...entry, leaderEpoch })))
      return ends.get('counted/0')
    }
    assert.deepEqual(await endOf(0), { leaderEpoch: 0, endOffset: 10n })
    assert.deepEqual(await endOf(7), { leaderEpoch: -1, endOffset: -1n })
  })
}

function describeFetching(get: () => ClusterSubject): void {
  before(async () => {
    await get().createTopic('fetched', 1)
    for (const records of [4, 6, 2]) await get().append('fetched', records)
    await get().deleteBefore('fetched', 2n)
  })

  test('an answer begins with the batch that holds the offset', async () => {
    const answer = await fetch(get(), 'fetched', { offset: 5n })
    assert.deepEqual(answer.bases, [4n, 10n])
    assert.deepEqual([answer.highWatermark, answer.lastStableOffset, answer.logStartOffset], [12n, 12n, 2n])
    assert.deepEqual((await fetch(get(), 'fetched', { offset: 2n })).bases, [0n, 4n, 10n])
    assert.deepEqual((await fetch(get(), 'fetched', { offset: 12n })).bases, [])
  })

  test('the first batch comes whole, and what follows is cut at the limit', async () => {
    const whole = await fetch(get(), 'fetched', { offset: 2n })
    const tiny = await fetch(get(), 'fetched', { offset: 2n, maxBytes: 1 })
    assert.deepEqual([tiny.bases, tiny.partialBytes], [[0n], 0])
    const limit = tiny.batches.length + 20
    const cut = await fetch(get(), 'fetched', { offset: 2n, maxBytes: limit })
    assert.deepEqual([cut.bases, cut.partialBytes], [[0n], 20])
    assert.ok(cut.batches.equals(whole.batches.subarray(0, limit)), 'a part of the next batch, as it is')
  })

  test('offsets outside of the log, other epochs and other topics are refused', async () => {
    const codeOf = async (asked: Asked) => (await fetch(get(), 'fetched', asked)).errorCode
    assert.equal(await codeOf({ offset: 1n }), OFFSET_OUT_OF_RANGE)
    assert.equal(await codeOf({ offset: 13n }), OFFSET_OUT_OF_RANGE)
    assert.equal(await codeOf({ offset: 5n, leaderEpoch: 0 }), 0)
    assert.equal(await codeOf({ offset: 5n, leaderEpoch: 9 }), UNKNOWN_LEADER_EPOCH)
    assert.equal(await codeOf({ offset: 4n, lastFetchedEpoch: 0 }), 0)
    assert.equal(await codeOf({ offset: 4n, lastFetchedEpoch: 5 }), OFFSET_OUT_OF_RANGE)
    assert.equal(await codeOf({ offset: 5n, topicId: STRANGE_TOPIC_ID }), UNKNOWN_TOPIC_ID)
  })
}

function describeTransactions(get: () => ClusterSubject): void {
  test('aborted transactions are listed, and open ones hold the reader back', async () => {
    const { cluster, createTopic, append, transact } = get()
    await createTopic('transacted', 1)
    await append('transacted', 2)
    await transact('transacted', 3, 'abort')
    await transact('transacted', 3, 'commit')
    await append('transacted', 2)
    await transact('transacted', 1, 'open')
    const asked = [{ topic: 'transacted', partition: 0 }]
    assert.equal((await cluster.listOffsets('last_stable', asked)).get('transacted/0'), 12n)
    assert.equal((await cluster.listOffsets('high_watermark', asked)).get('transacted/0'), 13n)
    const committed = await fetch(get(), 'transacted', { offset: 0n, isReadCommitted: true })
    assert.deepEqual(committed.bases, [0n, 2n, 5n, 6n, 9n, 10n])
    assert.deepEqual(
      committed.aborted.map(({ firstOffset }) => firstOffset),
      [2n],
    )
    assert.equal(committed.lastStableOffset, 12n)
    const behind = await fetch(get(), 'transacted', { offset: 6n, isReadCommitted: true })
    assert.deepEqual(behind.aborted, [])
    assert.deepEqual((await fetch(get(), 'transacted', { offset: 9n })).bases, [9n, 10n, 12n])
    const open = await cluster.openTransactions(asked)
    assert.deepEqual(
      open.map(({ firstOffset }) => firstOffset),
      [12n],
    )
  })
}

function describeGroups(get: () => ClusterSubject): void {
  test('groups are listed with what they have committed, and those that are asked for by name are told of', async () => {
    const { cluster, createTopic, append, commitGroup, deleteGroup } = get()
    await createTopic('consumed', 1)
    await append('consumed', 4)
    const group = 'a "reader" of ünicode'
    await commitGroup(group, 'consumed', 3n, 'text')
    await commitGroup('other', 'consumed', 4n, '')
    await commitGroup(group, 'consumed', 4n, 'newer')
    const read = async (known: readonly string[]) => {
      const { groups, silentBrokers, clusterId } = await cluster.consumerGroups(known)
      assert.equal(silentBrokers.size, 0)
      assert.equal(clusterId, (await cluster.describe([])).clusterId)
      return new Map(groups.map((entry) => [entry.group, entry]))
    }
    const listed = await read([])
    assert.deepEqual([...listed.keys()].sort(), [group, 'other'])
    const place = { topic: 'consumed', partition: 0, leaderEpoch: -1 }
    const ownOffsets = [{ ...place, offset: 4n, metadata: 'newer' }]
    assert.deepEqual(listed.get(group), {
      ...{ group, protocolType: '', state: 'Empty', members: 0, failure: null },
      ...{ type: listed.get(group)?.type, offsets: ownOffsets },
    })
    await deleteGroup('other')
    const named = await read(['other', group])
    assert.deepEqual(named.get(group)?.offsets, ownOffsets)
    assert.deepEqual([named.get('other')?.state, named.get('other')?.offsets], ['Absent', []])
  })
}

async function fetch({ cluster, openLink }: ClusterSubject, topic: string, asked: Asked): Promise<Answered> {
  const { brokers, topics } = await cluster.describe([topic])
  const topicId = asked.topicId ?? topics[0]?.topicId ?? null
  const link = await openLink(brokers.get(topics[0]?.partitions[0]?.leader ?? -1), CLIENT)
  try {
    const entry: FetchPartition = {
      topic,
      topicId,
      partition: 0,
      fetchOffset: asked.offset,
      leaderEpoch: asked.leaderEpoch ?? -1,
      lastFetchedEpoch: asked.lastFetchedEpoch ?? -1,
      partitionMaxBytes: asked.maxBytes ?? WHOLE_BYTES,
    }
    const version = fetchVersion(link.versions, [entry], link.connection.broker)
    const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: asked.maxBytes ?? WHOLE_BYTES, rackId: '' }
    const isReadCommitted = asked.isReadCommitted ?? false
    const response = await fetchBatches(link.connection, version, {
      ...limits,
      isReadCommitted,
      partitions: [entry],
    })
    const [fetched] = response.partitions
    assert.ok(fetched, 'an answer for the partition')
    const batches = Buffer.from(response.buffer.subarray(fetched.begin, fetched.end))
    const cursor = new BatchCursor(batches)
    const bases: bigint[] = []
    while (cursor.next()) bases.push(cursor.baseOffset)
    return { ...fetched, bases, batches, partialBytes: cursor.partialBytes }
  } finally {
    link.connection.close()
  }
}
