import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatRatio,
  formatTime,
  plural,
} from '../../src/render/units.ts'

test('counts have separators, also beyond what a double holds', () => {
  assert.equal(formatCount(0), '0')
  assert.equal(formatCount(1_234_567), '1,234,567')
  assert.equal(formatCount(9_007_199_254_740_993n), '9,007,199,254,740,993')
})

test('bytes have three digits at most and go to the next unit before they would have four', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [1_549, '1.5 kB'],
    [99_949, '99.9 kB'],
    [99_950, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [128 * 1024 * 1024, '134 MB'],
    [1.2e12, '1.2 TB'],
    [5e18, '5000 PB'],
  ]
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text)
})

test('durations never show sixty seconds, sixty minutes or twenty-four hours', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0 ms'],
    [840.4, '840 ms'],
    [999, '999 ms'],
    [4_200, '4.2 s'],
    [59_949, '59.9 s'],
    [59_950, '1 m 00 s'],
    [190_000, '3 m 10 s'],
    [3_599_000, '59 m 59 s'],
    [3_599_600, '1 h 00 m'],
    [7_440_000, '2 h 04 m'],
    [86_399_000, '1 d 00 h'],
    [266_400_000, '3 d 02 h'],
  ]
  for (const [durationMs, text] of cases) assert.equal(formatDuration(durationMs), text)
})

test('what cannot be computed is a dash', () => {
  assert.equal(formatRate(1_000, 0), '–')
  assert.equal(formatRate(2_000_000, 1_000), '2.0 MB/s')
  assert.equal(formatRatio(4_400, 1_000), '4.4x')
  assert.equal(formatRatio(0, 0), '–')
  assert.equal(formatTime(null), '–')
  assert.equal(formatTime(-1n), '–')
})

test('times are UTC; one beyond every calendar is shown as it is', () => {
  assert.equal(formatTime(1_795_227_247_123), '2026-11-21T02:14:07.123Z')
  assert.equal(formatTime(0n), '1970-01-01T00:00:00.000Z')
  assert.equal(formatTime(9_223_372_036_854_775_807n), '9223372036854775807 ms')
})

test('nouns follow their number', () => {
  assert.deepEqual(
    [plural(0, 'topic'), plural(1, 'topic'), plural(1n, 'gap'), plural(2_000n, 'record')],
    ['0 topics', '1 topic', '1 gap', '2,000 records'],
  )
})
