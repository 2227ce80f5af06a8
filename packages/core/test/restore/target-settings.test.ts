import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { refuseTimes, retentionTrouble, undecidedAgeMs } from '../../src/restore/preflight/target-settings.ts'
import type { RestorePlan, TopicRestorePlan } from '../../src/restore/restore-plan.ts'

const NOW_MS = 1_000_000_000_000
const HOUR_MS = 3_600_000
const BEFORE = 'message.timestamp.before.max.ms'
const AFTER = 'message.timestamp.after.max.ms'
const DIFFERENCE = 'message.timestamp.difference.max.ms'

/** Timestamps are milliseconds from now; null: not known. */
interface Times {
  readonly oldest: number | null
  readonly newest: number
}

const TIMES: readonly (readonly [
  what: string,
  name: string,
  limitMs: number,
  times: Times,
  says: RegExp | null,
])[] = [
  ['just as old as it may be', BEFORE, HOUR_MS, { oldest: -HOUR_MS, newest: 0 }, null],
  [
    'a millisecond older',
    BEFORE,
    HOUR_MS,
    { oldest: -HOUR_MS - 1, newest: 0 },
    /before\.max\.ms=3600000 and would refuse records that are older/,
  ],
  ['only the oldest is too old', BEFORE, HOUR_MS, { oldest: -2 * HOUR_MS, newest: -1 }, /that are older/],
  [
    'the oldest is not known',
    BEFORE,
    HOUR_MS,
    { oldest: null, newest: 0 },
    /the age of the oldest record is not known/,
  ],
  ['from the future', BEFORE, HOUR_MS, { oldest: 2 * HOUR_MS, newest: 2 * HOUR_MS }, null],
  ['just as far ahead as it may be', AFTER, HOUR_MS, { oldest: 0, newest: HOUR_MS }, null],
  [
    'a millisecond further',
    AFTER,
    HOUR_MS,
    { oldest: 0, newest: HOUR_MS + 1 },
    /after\.max\.ms=3600000 and would refuse records from the future/,
  ],
  [
    'only the newest is too far ahead',
    AFTER,
    HOUR_MS,
    { oldest: -HOUR_MS, newest: 2 * HOUR_MS },
    /from the future/,
  ],
  ['old', AFTER, HOUR_MS, { oldest: -9 * HOUR_MS, newest: -8 * HOUR_MS }, null],
  ['within, on both sides', DIFFERENCE, HOUR_MS, { oldest: -HOUR_MS, newest: HOUR_MS }, null],
  [
    'too old',
    DIFFERENCE,
    HOUR_MS,
    { oldest: -HOUR_MS - 1, newest: 0 },
    /difference\.max\.ms=3600000 and would refuse records that are older/,
  ],
  [
    'too far ahead',
    DIFFERENCE,
    HOUR_MS,
    { oldest: 0, newest: HOUR_MS + 1 },
    /difference\.max\.ms=3600000 and would refuse records from the future/,
  ],
]

describe('limits of timestamps', () => {
  for (const [what, name, limitMs, times, says] of TIMES) {
    test(`${name}, ${what}: ${says ? 'refused' : 'taken'}`, () => {
      const refusals = refuseTimes(topicOf(times), new Map([[name, String(limitMs)]]), NOW_MS)
      assert.equal(refusals.length, says ? 1 : 0, JSON.stringify(refusals))
      if (says) assert.match(refusals[0]?.message ?? '', says)
    })
  }

  test('without a record, or without a limit, nothing is in the way', () => {
    const limits = new Map([BEFORE, AFTER, DIFFERENCE].map((name) => [name, '1000']))
    assert.deepEqual(
      refuseTimes(
        { ...topicOf({ oldest: 0, newest: 0 }), minTimestampMs: null, maxTimestampMs: -1n },
        limits,
        NOW_MS,
      ),
      [],
    )
    assert.deepEqual(refuseTimes(topicOf({ oldest: -NOW_MS, newest: NOW_MS }), new Map(), NOW_MS), [])
  })
})

test('a bound of the oldest record proves that none is too old, and never that one is', () => {
  const boundOf = (oldest: number) => ({ ...topicOf({ oldest, newest: 0 }), isMinExact: false })
  const settings = new Map([
    ['retention.ms', String(HOUR_MS)],
    [BEFORE, String(HOUR_MS)],
  ])
  const options = { nowMs: NOW_MS, isHolding: false, overrides: new Map() }
  const [young, old] = [boundOf(-HOUR_MS), boundOf(-2 * HOUR_MS)]
  for (const topic of [young, old])
    assert.deepEqual(retentionTrouble(PLAN, topic, settings, options).refusals, [])
  assert.equal(undecidedAgeMs(young, settings, NOW_MS), null)
  assert.equal(undecidedAgeMs(old, settings, NOW_MS), BigInt(NOW_MS - HOUR_MS))
  assert.deepEqual(refuseTimes(young, settings, NOW_MS), [])
  assert.match(refuseTimes(old, settings, NOW_MS)[0]?.message ?? '', /the oldest record is not known$/)
})

const RETENTION: readonly (readonly [
  what: string,
  settings: Record<string, string>,
  times: Times,
  held: readonly string[],
])[] = [
  [
    'the newest is younger, the oldest is older',
    { 'retention.ms': '3600000' },
    { oldest: -2 * HOUR_MS, newest: -1 },
    ['retention.ms'],
  ],
  [
    'the oldest is just as old as it may be',
    { 'retention.ms': '3600000' },
    { oldest: -HOUR_MS, newest: 0 },
    [],
  ],
  [
    'a millisecond older',
    { 'retention.ms': '3600000' },
    { oldest: -HOUR_MS - 1, newest: 0 },
    ['retention.ms'],
  ],
  [
    'the oldest is not known, the newest is older',
    { 'retention.ms': '3600000' },
    { oldest: null, newest: -2 * HOUR_MS },
    ['retention.ms'],
  ],
  ['nothing is deleted', { 'retention.ms': '-1' }, { oldest: -NOW_MS, newest: 0 }, []],
  [
    'only compaction deletes',
    { 'retention.ms': '3600000', 'cleanup.policy': 'compact' },
    { oldest: -NOW_MS, newest: 0 },
    [],
  ],
  [
    'both delete',
    { 'retention.ms': '3600000', 'cleanup.policy': 'compact,delete' },
    { oldest: -NOW_MS, newest: 0 },
    ['retention.ms'],
  ],
  ['a target partition is as large as it may be', { 'retention.bytes': '300' }, { oldest: 0, newest: 0 }, []],
  [
    'a target partition of two sources is larger',
    { 'retention.bytes': '299' },
    { oldest: 0, newest: 0 },
    ['retention.bytes'],
  ],
]

describe('retention of a target topic', () => {
  for (const [what, settings, times, held] of RETENTION) {
    test(`${JSON.stringify(settings)}, ${what}: ${held.length > 0 ? 'refused' : 'taken'}`, () => {
      const values = new Map(Object.entries(settings))
      const options = { nowMs: NOW_MS, overrides: values }
      const told = retentionTrouble(PLAN, topicOf(times), values, { ...options, isHolding: false })
      assert.equal(told.refusals.length, held.length)
      assert.deepEqual(told.held, [])
      const quiet = retentionTrouble(PLAN, topicOf(times), values, { ...options, isHolding: true })
      assert.deepEqual(quiet.refusals, [])
      assert.deepEqual(
        quiet.held.map(({ topic, name, held: value, original }) => [topic, name, value, original]),
        held.map((name) => ['copy', name, '-1', settings[name]]),
      )
    })
  }
})

/** Two sources in partition 0 (300 bytes), one in partition 1; another topic does not count. */
const PLAN = {
  partitions: [
    { targetTopic: 'copy', targetPartition: 0, rawBytes: 100 },
    { targetTopic: 'copy', targetPartition: 0, rawBytes: 200 },
    { targetTopic: 'copy', targetPartition: 1, rawBytes: 250 },
    { targetTopic: 'other', targetPartition: 0, rawBytes: 999 },
  ],
} as unknown as RestorePlan

function topicOf({ oldest, newest }: Times): TopicRestorePlan {
  return {
    sourceTopic: 'orders',
    sourceTopics: ['orders'],
    targetTopic: 'copy',
    partitionCount: 2,
    largestBatchBytes: 100,
    minTimestampMs: oldest === null ? null : BigInt(NOW_MS + oldest),
    isMinExact: oldest !== null,
    maxTimestampMs: BigInt(NOW_MS + newest),
    configOverrides: new Map(),
  }
}
