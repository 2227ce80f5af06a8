import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Cluster, NewTopic } from '../../src/kafka/cluster.ts'
import { brokerError } from '../../src/kafka/kafka-error.ts'
import { tryCreation } from '../../src/restore/preflight/created-topics.ts'
import type { RestorePlan } from '../../src/restore/restore-plan.ts'
import { capturedTopic, TOPICS_SAMPLE } from '../format/topics-sample.ts'

const INVALID_CONFIG = 40
const TOPIC_AUTHORIZATION_FAILED = 29
const NOW_MS = 1_000_000_000_000
/** It changes no record. */
const PLAN = {
  works: [],
  window: null,
  headers: { isAdding: false, sourceCluster: null },
} as unknown as RestorePlan
const HOUR_MS = 3_600_000
const LARGEST_BYTES = 5_000_000
const UNLIMITED = '9223372036854775807'
const SIZE = 'max.message.bytes'
const AHEAD = 'message.timestamp.after.max.ms'
const DEFAULTS = { [SIZE]: '1048588', [AHEAD]: String(HOUR_MS), 'retention.ms': '604800000' }

describe('a topic that a restore creates', () => {
  test('gets room for records that are larger, or from further ahead, than the cluster takes', async () => {
    const { given, trials } = await creationOf({})
    assert.deepEqual([given(SIZE), given(AHEAD)], ['5500000', UNLIMITED])
    assert.equal(trials, 2, 'what it would have is known after the first')
  })

  for (const [name, value] of [
    [SIZE, '2000'],
    [AHEAD, '7200000'],
  ] as const)
    test(`keeps ${name} as somebody gave it, and gets room for the rest`, async () => {
      const other = name === SIZE ? AHEAD : SIZE
      const { given } = await creationOf({ [name]: value })
      assert.deepEqual([given(name), given(other)], [value, name === SIZE ? UNLIMITED : '5500000'])
    })

  test('is tried once where somebody gave all that may be in the way', async () => {
    const { given, trials } = await creationOf({ [SIZE]: '2000', [AHEAD]: '7200000' })
    assert.deepEqual([given(SIZE), given(AHEAD), trials], ['2000', '7200000', 1])
  })

  test('keeps records for ever unless somebody gave another retention', async () => {
    assert.equal((await creationOf({})).given('retention.ms'), '-1')
    assert.equal((await creationOf({ 'retention.ms': '99' })).given('retention.ms'), '99')
  })
})

/** Of one topic, on a cluster with {@link DEFAULTS}. */
async function creationOf(overrides: Readonly<Record<string, string>>) {
  let trials = 0
  // Only what is asked; anything else would fail.
  const cluster = {
    async tryTopics(topics: readonly NewTopic[]) {
      trials++
      return topics.map(({ name, configs }) => {
        const settings = new Map([...Object.entries(DEFAULTS), ...configs])
        return { topic: name, failure: null, settings }
      })
    },
  } satisfies Partial<Cluster>
  const topic = {
    ...{ sourceTopic: 'orders', sourceTopics: ['orders'], targetTopic: 'copy', partitionCount: 1 },
    ...{ largestBatchBytes: LARGEST_BYTES, minTimestampMs: 0n, isMinExact: true },
    maxTimestampMs: BigInt(NOW_MS + 3 * HOUR_MS),
    configOverrides: new Map(Object.entries(overrides)),
  }
  const options = {
    replicationFactor: -1,
    nowMs: NOW_MS,
    brokers: 1,
    captured: null,
    isHoldingRetention: false,
  }
  const [created] = await tryCreation(cluster as unknown as Cluster, PLAN, [topic], options)
  return { trials, given: (name: string) => created?.request.configs.get(name) }
}

const UNKNOWN = 'message.format.version'
const REFUSED = 'remote.storage.enable'

describe('a topic that a restore creates from captured settings', () => {
  test('has no more replicas than there are brokers, and wants no more of them in sync', async () => {
    const { created, notes } = await capturedCreation(
      { 'min.insync.replicas': '3' },
      { replicationFactor: 4, brokers: 2 },
    )
    assert.equal(created.request.replicationFactor, 2)
    assert.equal(created.request.configs.get('min.insync.replicas'), '2')
    assert.deepEqual(notes, ['replication.factor 4 > 2', 'min.insync.replicas 3 > 2'])
  })

  test('leaves out what the target does not know, and what it refuses', async () => {
    const wanted = { [UNKNOWN]: '3.0', [REFUSED]: 'true', 'segment.bytes': '9000000' }
    const { created, notes } = await capturedCreation(wanted)
    assert.equal(created.failure, null)
    assert.equal(created.request.configs.get('segment.bytes'), '9000000')
    assert.deepEqual(notes.sort(), [`${UNKNOWN} 3.0 > null`, `${REFUSED} true > null`].sort())
  })

  test('never gets throttles, which name brokers of the source', async () => {
    const { created } = await capturedCreation({ 'leader.replication.throttled.replicas': '0:1' })
    assert.ok(!created.request.configs.has('leader.replication.throttled.replicas'))
  })

  test('takes and keeps every record until it is filled', async () => {
    const wanted = {
      'cleanup.policy': 'compact',
      'message.timestamp.type': 'LogAppendTime',
      'message.timestamp.before.max.ms': '5',
      'retention.ms': String(HOUR_MS),
    }
    const { created } = await capturedCreation(wanted)
    const held = Object.fromEntries(
      created.held.map(({ name, held: now, original }) => [name, [now, original]]),
    )
    assert.deepEqual(held, {
      'cleanup.policy': ['delete', 'compact'],
      'message.timestamp.type': ['CreateTime', 'LogAppendTime'],
      'message.timestamp.before.max.ms': [UNLIMITED, '5'],
      'retention.ms': ['-1', String(HOUR_MS)],
    })
    for (const [name, [now]] of Object.entries(held)) assert.equal(created.request.configs.get(name), now)
  })

  test('keeps a retention for itself that would delete all of it, unless somebody asks for that', async () => {
    const old = { maxTimestampMs: BigInt(NOW_MS - 2 * HOUR_MS) }
    const wanted = { 'retention.ms': String(HOUR_MS) }
    const kept = await capturedCreation(wanted, old)
    assert.deepEqual([kept.created.held, kept.notes], [[], [`retention.ms ${HOUR_MS} > -1`]])
    const asked = await capturedCreation(wanted, { ...old, isHoldingRetention: true })
    assert.deepEqual(
      asked.created.held.map(({ original }) => original),
      [String(HOUR_MS)],
    )
  })

  test('is compacted from the beginning where the account may not change settings later', async () => {
    const wanted = { 'cleanup.policy': 'compact', 'message.timestamp.type': 'LogAppendTime' }
    const { created, notes } = await capturedCreation(wanted, { mayAlter: false })
    assert.deepEqual(created.held, [])
    assert.equal(created.request.configs.get('cleanup.policy'), 'compact')
    assert.equal(created.request.configs.get('message.timestamp.type'), 'CreateTime')
    assert.deepEqual(notes, ['message.timestamp.type LogAppendTime > CreateTime'])
  })

  test('gets more room than its source had where records of the backup need it', async () => {
    const { created, notes } = await capturedCreation({ [SIZE]: '1000' }, { largestBatchBytes: 4_000 })
    assert.equal(created.request.configs.get(SIZE), '4400')
    assert.deepEqual(notes, [`${SIZE} 1000 > 4400`])
  })
})

/** On a cluster that does not know {@link UNKNOWN} and refuses {@link REFUSED}. */
async function capturedCreation(
  wanted: Readonly<Record<string, string>>,
  {
    replicationFactor = 1,
    brokers = 1,
    maxTimestampMs = BigInt(NOW_MS),
    largestBatchBytes = 100,
    isHoldingRetention = false,
    mayAlter = true,
  } = {},
) {
  const cluster = {
    async tryTopics(topics: readonly NewTopic[]) {
      return topics.map(({ name, configs }) => {
        const isRefused = configs.has(UNKNOWN) || configs.has(REFUSED)
        const failure = isRefused ? brokerError(INVALID_CONFIG, 'creating a topic') : null
        const settings = isRefused
          ? null
          : new Map([
              ...Object.entries(DEFAULTS),
              [REFUSED, 'false'],
              ['segment.bytes', '1073741824'],
              ...configs,
            ])
        return { topic: name, failure, settings }
      })
    },
    async changeTopicSettings() {
      if (!mayAlter) throw brokerError(TOPIC_AUTHORIZATION_FAILED, 'changing settings')
    },
  } satisfies Partial<Cluster>
  const settings = Object.entries(wanted).sort(([a], [b]) => (a < b ? -1 : 1))
  const captured = {
    ...TOPICS_SAMPLE,
    topics: [
      capturedTopic('orders', {
        replicationFactor,
        settings: settings.map(([name, value]) => ({ name, value, source: 'topic' as const })),
      }),
    ],
  }
  const topic = {
    ...{ sourceTopic: 'orders', sourceTopics: ['orders'], targetTopic: 'copy', partitionCount: 1 },
    ...{ largestBatchBytes, minTimestampMs: 0n, isMinExact: true, maxTimestampMs },
    configOverrides: new Map(),
  }
  const options = { replicationFactor: -1, nowMs: NOW_MS, brokers, captured, isHoldingRetention }
  const [created] = await tryCreation(cluster as unknown as Cluster, PLAN, [topic], options)
  assert.ok(created)
  return { created, notes: created.notes.map((note) => `${note.name} ${note.captured} > ${note.value}`) }
}
