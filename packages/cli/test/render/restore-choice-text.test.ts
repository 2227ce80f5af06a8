import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RestorePlan, RestoreRequest } from '@kafka-backup/core'
import { choiceLines, emptyWindowLines } from '../../src/render/restore-choice-text.ts'

const TIME_MS = BigInt(Date.UTC(2025, 0, 1))
const TIME = '2025-01-01T00:00:00.000Z'
const HOUR_MS = 3_600_000n

interface Choice {
  readonly plan?: Partial<RestorePlan>
  readonly request?: Partial<RestoreRequest>
}

function lines({ plan, request }: Choice): string[] {
  const none = { partitions: [], offsetRanges: [] }
  const whole = { partitions: [], works: [], topics: [], window: null, records: 1 }
  const headers = { isStripping: false, isAdding: false, sourceCluster: null }
  return choiceLines({
    plan: { ...whole, headers, ...plan } as unknown as RestorePlan,
    request: { ...none, ...request } as unknown as RestoreRequest,
  })
}

/** Of topic orders, each to the partition of that number or to another one of `copy`; null: by key. */
function partitionsOf(targets: readonly (readonly [source: number, target: number | null])[]) {
  return targets.map(([partition, targetPartition]) => {
    return { sourceTopic: 'orders', targetTopic: 'copy', partition, targetPartition }
  }) as unknown as RestorePlan['partitions']
}

test('without a choice there is nothing to say', () => {
  const partitions = partitionsOf([
    [0, 0],
    [1, 1],
  ])
  assert.deepEqual(lines({ plan: { partitions } }), [])
})

test('partitions and offsets that were chosen are named', () => {
  const partitions = partitionsOf([
    [0, 0],
    [1, 1],
    [2, 2],
    [5, 5],
  ])
  const request = { partitions: ['0-2', 'orders:5'], offsetRanges: ['orders/1:100-200', 'orders/5:7-'] }
  assert.deepEqual(lines({ plan: { partitions }, request }), [
    'partitions orders/0-2,5 of the source',
    'offsets orders/1:100-200, orders/5:7- of the source, inclusive',
  ])
})

test('partitions that get another number are named with it, but not hundreds of them', () => {
  const few = partitionsOf([
    [0, 4],
    [1, 1],
  ])
  assert.deepEqual(lines({ plan: { partitions: few } }), ['partitions orders/0 → copy/4'])
  const many = partitionsOf(Array.from({ length: 100 }, (_, at) => [at, at + 1] as const))
  assert.match(lines({ plan: { partitions: many } })[0] ?? '', /orders\/7 → copy\/8 and 92 more$/)
})

test('records that are spread by key are said to be, with the number of partitions', () => {
  const topics = [{ targetTopic: 'copy', partitionCount: 12 }] as unknown as RestorePlan['topics']
  const targets = [{ topic: 'copy', partition: 0 }]
  const plan = { topics, works: [{ sources: [0], targets, routing: 'murmur2' }] } as Partial<RestorePlan>
  assert.deepEqual(lines({ plan: { ...plan, partitions: partitionsOf([[0, null]]) } }), [
    "records of copy are spread by key over 12 partitions, as Kafka's Java producer does",
  ])
})

test('a window without a record is said to be one, with the times of the records', () => {
  const window = { fromMs: TIME_MS + HOUR_MS, toMs: null }
  const times = { firstMs: TIME_MS - HOUR_MS, lastMs: TIME_MS }
  const plan = { window, times, records: 0 } as RestorePlan
  assert.deepEqual(lines({ plan }), [
    'records from 2025-01-01T01:00:00.000Z to the end, by record timestamp, inclusive',
    `no record is in this window: those of the chosen topics are from 2024-12-31T23:00:00.000Z to ${TIME}`,
  ])
  assert.deepEqual(emptyWindowLines({ ...plan, times: { firstMs: null, lastMs: TIME_MS } }, 0), [
    `no record is in this window: those of the chosen topics are up to ${TIME}`,
  ])
  assert.deepEqual(emptyWindowLines({ ...plan, times: { firstMs: null, lastMs: -1n } }, 0), [
    'no record is in this window: the chosen topics hold none with a timestamp',
  ])
  assert.deepEqual(emptyWindowLines(plan, 1), [])
  assert.deepEqual(emptyWindowLines({ ...plan, window: null }, 0), [])
})
