import assert from 'node:assert/strict'
import { test } from 'node:test'
import { purgeBounds, refusePurges } from '../../src/restore/preflight/target-content.ts'
import type { TopicRestorePlan } from '../../src/restore/restore-plan.ts'

const PARTITIONS = [0, 1, 2].map((partition) => ({ topic: 'orders', partition }))

test('a purge deletes everything below the end that was seen, and nothing that comes later', () => {
  const starts = new Map([
    ['orders/0', 0n],
    ['orders/1', 4n],
    ['orders/2', 5n],
  ])
  const ends = new Map([
    ['orders/0', 7n],
    ['orders/1', 9n],
    ['orders/2', 5n],
  ])
  const bounds = purgeBounds(PARTITIONS, { starts, ends })
  assert.deepEqual(
    [...bounds],
    [
      ['orders/0', 7n],
      ['orders/1', 9n],
    ],
  )
})

test('a purge is refused where brokers delete nothing: in topics that hold something and are only compacted', () => {
  const topics = ['logs', 'both', 'table', 'empty'].map(
    (targetTopic) => ({ targetTopic, sourceTopic: targetTopic }) as unknown as TopicRestorePlan,
  )
  const settings = new Map([
    ['logs', new Map([['cleanup.policy', 'delete']])],
    ['both', new Map([['cleanup.policy', 'compact,delete']])],
    ['table', new Map([['cleanup.policy', 'compact']])],
    ['empty', new Map([['cleanup.policy', 'compact']])],
  ])
  const refusals = refusePurges(topics, ['logs', 'both', 'table'], settings)
  assert.deepEqual(
    refusals.map(({ topic, message }) => `${topic} ${message}`),
    ['table has cleanup.policy=compact, so its records cannot be purged'],
  )
})
