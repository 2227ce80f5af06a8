import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { movedWarnings } from '../../src/restore/preflight/offset-room.ts'
import { planRestore, type RestorePlan, type RestoreSelection } from '../../src/restore/restore-plan.ts'
import { type RestoreRequest, requestSha256 } from '../../src/restore/restore-request.ts'
import { commit, gap, part, segment } from '../format/fold-samples.ts'

/** Partitions with the offsets 0 to 9 and 10 to 19 in a segment each, and a gap from 20 to 29. */
function backup(topics: Readonly<Record<string, number>>): BackupState {
  const state = new BackupState('b')
  const places = Object.entries(topics).flatMap(([topic, partitions]) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  )
  const segments = places.flatMap((place) => [
    segment(part(0n, 9n, { ...place, minTimestampMs: 100n, maxTimestampMs: 199n })),
    segment(part(10n, 19n, { ...place, minTimestampMs: 200n, maxTimestampMs: 299n })),
  ])
  state.apply(
    commit(1n, {
      topics: Object.entries(topics).map(([name, partitions]) => ({ name, topicId: null, partitions })),
      begins: places.map((place) => ({ ...place, offset: 0n })),
      segments,
      gaps: places.map((place) => ({ ...gap(20n, 30n), ...place })),
    }),
    '1',
  )
  return state
}

const STATE = backup({ audit: 1, orders: 3 })

function plan(selection: Partial<RestoreSelection>): RestorePlan {
  return planRestore(STATE, { topics: undefined, topicMapping: new Map(), ...selection })
}

/** `source → target` for each work with one lane. */
function routesOf({ works, partitions }: RestorePlan): string[] {
  return works.map(({ sources, targets, routing }) => {
    const from = sources.map((at) => `${partitions[at]?.sourceTopic}/${partitions[at]?.partition}`)
    const to = targets.map(({ topic, partition }) => `${topic}/${partition}`)
    return `${from.join('+')} ${routing} ${to.join(' ')}`
  })
}

function refusal(selection: Partial<RestoreSelection>): string {
  try {
    plan(selection)
  } catch (error) {
    assert.ok(isKafkaBackupError(error, 'KB_USAGE'))
    return error.message
  }
  return assert.fail('was not refused')
}

const ORDERS = { topics: ['orders'] }

test('partitions keep their places, and a topic its number of partitions, also when only some are restored', () => {
  const isPartitionChosen = (topic: string, partition: number) => topic === 'orders' && partition === 1
  const chosen = plan({ isPartitionChosen })
  assert.deepEqual(routesOf(chosen), ['orders/1 direct orders/1'])
  assert.equal(chosen.topics.find(({ targetTopic }) => targetTopic === 'orders')?.partitionCount, 3)
  assert.match(refusal({ isPartitionChosen: () => false }), /none of the chosen topics has a partition/)
})

test('a mapping of partitions decides how many the target has', () => {
  const mapped = plan({ ...ORDERS, partitionMapping: new Map([[0, 5]]) })
  assert.deepEqual(routesOf(mapped), [
    'orders/1 direct orders/1',
    'orders/2 direct orders/2',
    'orders/0 direct orders/5',
  ])
  assert.equal(mapped.topics[0]?.partitionCount, 6)
})

test('rules of names and numbers that fit nothing are slips', () => {
  const refused = (selection: Partial<RestoreSelection>) => {
    try {
      plan(selection)
    } catch (error) {
      assert.ok(isKafkaBackupError(error, 'KB_USAGE'))
      return `${error.message}. ${error.hint}`
    }
    return assert.fail('was not refused')
  }
  assert.equal(
    refused({ ...ORDERS, partitionMapping: new Map([[3, 0]]) }),
    'partition 3 is to get another number and is not restored. Partitions that are restored: 0, 1, 2',
  )
  const isPartitionChosen = (_: string, partition: number) => partition !== 1
  assert.match(
    refused({ ...ORDERS, isPartitionChosen, partitionMapping: new Map([[1, 7]]) }),
    /^partition 1 is to get .* Partitions that are restored: 0, 2$/,
  )
  assert.equal(
    refused({ ...ORDERS, topicMapping: new Map([['audit', 'copy']]) }),
    '"audit" is to get another name and is not restored. Name a topic that is chosen: orders',
  )
})

test('two topics or two partitions become one by consent only, in order of topic and partition', () => {
  const topicMapping = new Map([['orders', 'audit']])
  assert.equal(refusal({ topicMapping }), 'audit and orders would both be restored into audit')
  const joined = plan({ topicMapping, allowManyToOne: true })
  assert.deepEqual(routesOf(joined), [
    'audit/0+orders/0 direct audit/0',
    'orders/1 direct audit/1',
    'orders/2 direct audit/2',
  ])
  assert.deepEqual(
    joined.topics.map(({ sourceTopics, partitionCount }) => [sourceTopics, partitionCount]),
    [[['audit', 'orders'], 3]],
  )
  const partitionMapping = new Map([[2, 0]])
  assert.equal(
    refusal({ ...ORDERS, partitionMapping }),
    'orders/0 and orders/2 would both be restored into orders/0',
  )
  const folded = plan({ ...ORDERS, partitionMapping, allowManyToOne: true })
  assert.deepEqual(routesOf(folded), ['orders/0+orders/2 direct orders/0', 'orders/1 direct orders/1'])
  assert.match(
    refusal({ ...ORDERS, partitionMapping, allowManyToOne: true, isKeepingOffsets: true }),
    /only one can keep its offsets/,
  )
})

test('a topic that is spread by key is one work over all of its partitions', () => {
  const repartitioning = new Map([['copy', { targetPartitions: 2 }]])
  const spread = plan({ ...ORDERS, topicMapping: new Map([['orders', 'copy']]), repartitioning })
  assert.deepEqual(routesOf(spread), ['orders/0+orders/1+orders/2 murmur2 copy/0 copy/1'])
  assert.equal(spread.topics[0]?.partitionCount, 2)
  assert.match(
    refusal({ ...ORDERS, repartitioning }),
    /"copy" is to get other partitions and is not restored/,
  )
  const ofOrders = new Map([['orders', { targetPartitions: 2 }]])
  assert.match(refusal({ repartitioning: ofOrders, partitionMapping: new Map([[0, 1]]) }), /not both/)
  assert.match(refusal({ repartitioning: ofOrders, isKeepingOffsets: true }), /cannot keep their offsets/)
})

test('ranges of offsets clip parts and gaps, and ranges that touch are one', () => {
  const range = { topic: 'audit', partition: 0 }
  const clipped = plan({
    topics: ['audit'],
    offsetRanges: [
      { ...range, firstOffset: 12n, lastOffset: 22n },
      { ...range, firstOffset: null, lastOffset: 1n },
      { ...range, firstOffset: 2n, lastOffset: 3n },
    ],
  })
  const parts = clipped.partitions[0]?.parts.map(({ beginOffset, endOffset }) => [beginOffset, endOffset])
  assert.deepEqual(parts, [
    [null, 4n],
    [12n, null],
  ])
  assert.equal(clipped.isExact, false)
  assert.deepEqual(
    clipped.gaps.map(({ firstOffset, endOffset }) => [firstOffset, endOffset]),
    [[20n, 23n]],
  )
  const elsewhere = [{ ...range, partition: 7, firstOffset: 0n, lastOffset: null }]
  assert.match(refusal({ offsetRanges: elsewhere }), /offsets of audit\/7 were chosen, which is not restored/)
  const beyond = [
    { ...range, firstOffset: 0n, lastOffset: 3n },
    { ...range, firstOffset: 30n, lastOffset: null },
  ]
  assert.equal(
    refusal({ offsetRanges: beyond }),
    'offsets of audit/0 from 30 on were chosen, and the backup holds none from 30 on',
  )
  // The gap that the backup declares at its end belongs to it.
  plan({ offsetRanges: [{ ...range, firstOffset: 29n, lastOffset: null }] })
  const late = new BackupState('b')
  const begins = [{ topic: 'audit', partition: 0, offset: 10n }]
  const topics = [{ name: 'audit', topicId: null, partitions: 1 }]
  late.apply(commit(1n, { topics, begins, segments: [segment(part(10n, 19n, range))] }), '1')
  const upTo = (lastOffset: bigint) => () =>
    planRestore(late, {
      topics: undefined,
      topicMapping: new Map(),
      offsetRanges: [{ ...range, firstOffset: null, lastOffset }],
    })
  assert.throws(upTo(9n), /offsets of audit\/0 up to 9 were chosen, and the backup holds none below 10/)
  upTo(10n)()
})

test('parts outside of a time window are not looked at, and those inside are counted exactly', () => {
  const partsIn = (fromMs: bigint | null, toMs: bigint | null) => {
    const { partitions, isExact } = plan({ topics: ['audit'], window: { fromMs, toMs } })
    return [partitions[0]?.parts.map(({ part: { beginOffset } }) => beginOffset), isExact]
  }
  assert.deepEqual(partsIn(200n, null), [[10n], true])
  assert.deepEqual(partsIn(null, 199n), [[0n], true])
  assert.deepEqual(partsIn(150n, 299n), [[0n, 10n], false])
  assert.deepEqual(partsIn(300n, null), [[], true])
  assert.deepEqual(partsIn(null, null), [[0n, 10n], true])
})

test('the times of a topic are those that a window leaves of it', () => {
  const timesIn = (fromMs: bigint | null, toMs: bigint | null) => {
    const [topic] = plan({ topics: ['audit'], window: { fromMs, toMs } }).topics
    return [topic?.minTimestampMs, topic?.maxTimestampMs, topic?.isMinExact]
  }
  assert.deepEqual(timesIn(null, null), [100n, 299n, true])
  // Whether a record is as old as the window begins is not known.
  assert.deepEqual(timesIn(150n, 250n), [150n, 250n, false])
  assert.deepEqual(timesIn(50n, 350n), [100n, 299n, true])
})

test('a range of offsets may leave out the oldest record', () => {
  const [cut, whole] = [3n, 0n].map((firstOffset) => {
    const offsetRanges = [{ topic: 'audit', partition: 0, firstOffset, lastOffset: null }]
    return plan({ topics: ['audit'], offsetRanges }).topics[0]
  })
  assert.deepEqual([cut?.minTimestampMs, cut?.isMinExact], [100n, false])
  assert.deepEqual([whole?.minTimestampMs, whole?.isMinExact], [100n, true])
})

test('settings of created topics are those for all and those for the topic, which are stronger', () => {
  const configOverrides = new Map([
    [
      '*',
      new Map([
        ['retention.ms', '-1'],
        ['cleanup.policy', 'delete'],
      ]),
    ],
    ['audit', new Map([['cleanup.policy', 'compact']])],
  ])
  const settings = plan({ configOverrides }).topics.map((topic) => Object.fromEntries(topic.configOverrides))
  assert.deepEqual(settings, [
    { 'retention.ms': '-1', 'cleanup.policy': 'compact' },
    { 'retention.ms': '-1', 'cleanup.policy': 'delete' },
  ])
})

test('whatever changes bytes or batches changes the identity of a plan, and nothing else does', () => {
  const headers = { isStripping: false, isAdding: false, sourceCluster: null }
  const selections: readonly Partial<RestoreSelection>[] = [
    {},
    ORDERS,
    { topicMapping: new Map([['audit', 'copy']]) },
    { partitionMapping: new Map([[0, 9]]) },
    { isPartitionChosen: (_, partition) => partition === 0 },
    { repartitioning: new Map([['orders', { targetPartitions: 2 }]]) },
    { repartitioning: new Map([['orders', { targetPartitions: 3 }]]) },
    { window: { fromMs: 150n, toMs: null } },
    { window: { fromMs: 151n, toMs: null } },
    { window: { fromMs: null, toMs: 150n } },
    { window: { fromMs: null, toMs: 151n } },
    { offsetRanges: [{ topic: 'audit', partition: 0, firstOffset: 3n, lastOffset: null }] },
    { offsetRanges: [{ topic: 'audit', partition: 0, firstOffset: 3n, lastOffset: 5n }] },
    { offsetRanges: [{ topic: 'audit', partition: 0, firstOffset: 3n, lastOffset: 6n }] },
    { headers: { ...headers, isStripping: true } },
    { headers: { ...headers, isAdding: true } },
    { headers: { ...headers, isAdding: true, sourceCluster: 'east' } },
    { isKeepingOffsets: true },
  ]
  const digests = selections.map((selection) => plan(selection).planSha256)
  assert.equal(new Set(digests).size, selections.length)
  const same = plan({
    allowManyToOne: true,
    window: { fromMs: null, toMs: null },
    headers: { ...headers, sourceCluster: 'east' },
    configOverrides: new Map([['*', new Map([['retention.ms', '1']])]]),
  })
  assert.equal(same.planSha256, digests[0])
  assert.match(same.planSha256, /^[0-9a-f]{64}$/)
})

test('the digest of a request follows from what was asked, and relative times stay as they are', () => {
  const request: RestoreRequest = {
    backupId: 'daily',
    includeTopics: [],
    excludeTopics: [],
    asOfCommit: null,
    from: '-2h',
    to: null,
    offsetRanges: [],
    partitions: [],
    topicMapping: new Map([['a', 'b']]),
    partitionMapping: new Map([[1, 2]]),
    allowManyToOne: false,
    repartitioning: new Map(),
    includeOriginalOffsetHeader: false,
    stripOffsetHeaders: false,
    sourceClusterId: null,
    keepOffsets: false,
    topicConfigOverrides: new Map([['*', new Map([['retention.ms', '-1']])]]),
    restoreTopicConfigs: true,
    existingTopicConfigPolicy: 'keep',
  }
  const changes: readonly Partial<RestoreRequest>[] = [
    { from: '-3h' },
    { asOfCommit: 3n },
    { topicMapping: new Map([['a', 'c']]) },
    { partitionMapping: new Map([[1, 3]]) },
    { topicConfigOverrides: new Map() },
    { restoreTopicConfigs: false },
    { existingTopicConfigPolicy: 'apply' },
    { existingTopicConfigPolicy: 'fail' },
    { keepOffsets: true },
  ]
  const digests = [request, ...changes.map((change) => ({ ...request, ...change }))].map(requestSha256)
  assert.equal(new Set(digests).size, digests.length)
  assert.equal(requestSha256({ ...request }), digests[0])
})

test('whoever keeps offsets is warned when partitions get other numbers', () => {
  const partitionMapping = new Map([[1, 5]])
  assert.deepEqual(movedWarnings(plan({ ...ORDERS, isKeepingOffsets: true })), [])
  const [warning, ...more] = movedWarnings(plan({ ...ORDERS, isKeepingOffsets: true, partitionMapping }))
  assert.match(
    warning ?? '',
    /^partitions get other numbers \(orders\/1 becomes orders\/5\): offsets that groups/,
  )
  assert.deepEqual(more, [])
})
