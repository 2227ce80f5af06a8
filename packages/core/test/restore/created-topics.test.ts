import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Cluster, NewTopic } from '../../src/kafka/cluster.ts'
import { tryCreation } from '../../src/restore/preflight/created-topics.ts'
import type { RestorePlan } from '../../src/restore/restore-plan.ts'

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
    ...{ largestBatchBytes: LARGEST_BYTES, minTimestampMs: 0n },
    maxTimestampMs: BigInt(NOW_MS + 3 * HOUR_MS),
    configOverrides: new Map(Object.entries(overrides)),
  }
  const options = { replicationFactor: -1, nowMs: NOW_MS }
  const [created] = await tryCreation(cluster as unknown as Cluster, PLAN, [topic], options)
  return { trials, given: (name: string) => created?.request.configs.get(name) }
}
