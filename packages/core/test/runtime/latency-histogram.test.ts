import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LatencyHistogram } from '../../src/runtime/latency-histogram.ts'

test('counts are cumulative, bounds inclusive, and what is longer than all of them is in the total', () => {
  const histogram = new LatencyHistogram()
  for (const durationMs of [5, 5.1, 100, 60_000]) histogram.add(durationMs)
  const { count, sumMs, maxMs, buckets } = histogram.summary
  assert.deepEqual([count, sumMs, maxMs], [4, 60_110.1, 60_000])
  const of = (wantedMs: number) => buckets.find(({ boundMs }) => boundMs === wantedMs)?.count
  assert.deepEqual([of(5), of(10), of(50), of(100), of(10_000)], [1, 2, 2, 3, 3])
})

test('quantiles are exact, and 0 before the first step', () => {
  const histogram = new LatencyHistogram()
  assert.deepEqual([histogram.summary.p50Ms, histogram.summary.p99Ms], [0, 0])
  for (let at = 200; at > 0; at--) histogram.add(at)
  assert.deepEqual([histogram.summary.p50Ms, histogram.summary.p99Ms], [100, 198])
})

test('quantiles are of the newest steps, the maximum is of all', () => {
  const histogram = new LatencyHistogram()
  for (let at = 0; at < 1_000; at++) histogram.add(9_000)
  for (let at = 0; at < 10_000; at++) histogram.add(1)
  const { p99Ms, maxMs, count } = histogram.summary
  assert.deepEqual([p99Ms, maxMs, count], [1, 9_000, 11_000])
})
