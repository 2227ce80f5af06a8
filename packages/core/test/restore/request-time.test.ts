import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { requestTimeComplaint, resolveWindow } from '../../src/restore/request-time.ts'
import { coverageOf, isInWindow } from '../../src/restore/time-window.ts'
import { expectCode } from '../protocol/samples.ts'

const NOW_MS = Date.UTC(2025, 5, 1, 12)

function fromOf(from: string): bigint | null {
  return resolveWindow({ from, to: null }, NOW_MS)?.fromMs ?? null
}

test('times are taken with a zone, as milliseconds, and before now', () => {
  const cases: readonly (readonly [string, bigint])[] = [
    ['2025-06-01T12:00:00Z', BigInt(NOW_MS)],
    ['2025-06-01T14:00:00+02:00', BigInt(NOW_MS)],
    ['2025-06-01 06:30:00-0530', BigInt(NOW_MS)],
    ['2025-06-01T12:00Z', BigInt(NOW_MS)],
    ['2025-06-01T12:00:00.25z', BigInt(NOW_MS + 250)],
    ['1969-12-31T23:59:59.999Z', -1n],
    ['1748779200000', 1_748_779_200_000n],
    ['0', 0n],
    ['now', BigInt(NOW_MS)],
    ['-2h', BigInt(NOW_MS - 7_200_000)],
    ['-30m', BigInt(NOW_MS - 1_800_000)],
    ['-7d', BigInt(NOW_MS - 604_800_000)],
    ['-1w', BigInt(NOW_MS - 604_800_000)],
    ['-5s', BigInt(NOW_MS - 5_000)],
    ['-5ms', BigInt(NOW_MS - 5)],
  ]
  for (const [text, expected] of cases) {
    assert.equal(requestTimeComplaint(text), undefined, text)
    assert.equal(fromOf(text), expected, text)
  }
})

test('a time without a zone is refused with how to write it', () => {
  for (const text of ['2025-06-01T12:00:00', '2025-06-01 12:00', '2025-06-01']) {
    assert.match(requestTimeComplaint(text) ?? '', /must say its zone, such as 2025-06-01T12:00:00Z/, text)
    expectCode('KB_USAGE', () => fromOf(text))
  }
})

test('a time that is finer than a millisecond is refused with the reason', () => {
  for (const text of ['2025-06-01T12:00:00.1234Z', '2025-06-01T12:00:00.123456789+02:00']) {
    assert.match(requestTimeComplaint(text) ?? '', /at most three digits .* Kafka keeps milliseconds/, text)
    expectCode('KB_USAGE', () => fromOf(text))
  }
})

test('what is no time is refused', () => {
  const texts = ['', '2h', '-2', '-h', '+2h', 'yesterday', '2025-02-30T00:00:00Z', '2025-06-01T24:01:00Z']
  for (const text of [...texts, '2025-06-01T12:00:00+99:00', '2025-06-01Z', '-1']) {
    assert.match(requestTimeComplaint(text) ?? '', /must be a time such as/, text)
    expectCode('KB_USAGE', () => fromOf(text))
  }
})

test('a window that ends before it begins is refused with what was written, and what it came to', () => {
  const said = (from: string, to: string) => {
    try {
      resolveWindow({ from, to }, NOW_MS)
    } catch (error) {
      assert.ok(isKafkaBackupError(error, 'KB_USAGE'))
      return `${error.message}. ${error.hint}`
    }
    return assert.fail('was not refused')
  }
  assert.match(
    said('-30m', '-2h'),
    /--from -30m is 2025-06-01T11:30:00.000Z, and --to -2h is 2025-06-01T10:00:00.000Z\. Relative times are before now/,
  )
  const east = said('2025-06-01T12:00:00.001Z', '2025-06-01T14:00:00+02:00')
  assert.match(
    east,
    /and --to 2025-06-01T14:00:00\+02:00 is 2025-06-01T12:00:00\.000Z\. Exchange the two times/,
  )
  assert.match(said('999999999999999999', '-2h'), /--from 999999999999999999 is 999999999999999999 ms, and/)
  const moment = { fromMs: BigInt(NOW_MS), toMs: BigInt(NOW_MS) }
  assert.deepEqual(resolveWindow({ from: 'now', to: String(NOW_MS) }, NOW_MS), moment)
  assert.equal(resolveWindow({ from: null, to: null }, NOW_MS), null)
})

test('both ends are in the window, and a record without a timestamp is in none', () => {
  const window = { fromMs: 10n, toMs: 20n }
  assert.deepEqual(
    [9n, 10n, 20n, 21n, -1n].map((time) => isInWindow(window, time)),
    [false, true, true, false, false],
  )
  assert.equal(isInWindow({ fromMs: null, toMs: 20n }, -1n), false)
  assert.equal(isInWindow({ fromMs: null, toMs: 20n }, 0n), true)
  assert.equal(isInWindow({ fromMs: -10n, toMs: null }, -1n), false)
})

test('only bounds that are known prove that records lie inside or outside', () => {
  const window = { fromMs: 10n, toMs: 20n }
  const cases: readonly (readonly [bigint | null, bigint, string])[] = [
    [10n, 20n, 'inside'],
    [9n, 20n, 'partly'],
    [10n, 21n, 'partly'],
    [null, 20n, 'partly'],
    [null, 10n, 'partly'],
    [null, 9n, 'outside'],
    [0n, 9n, 'outside'],
    [21n, 30n, 'outside'],
    [null, 30n, 'partly'],
    [-1n, 15n, 'partly'],
    [-1n, -1n, 'outside'],
  ]
  for (const [minTimestampMs, maxTimestampMs, expected] of cases) {
    assert.equal(
      coverageOf(window, { minTimestampMs, maxTimestampMs }),
      expected,
      `${minTimestampMs}-${maxTimestampMs}`,
    )
  }
  // A record without a timestamp may hide behind a negative minimum.
  assert.equal(coverageOf({ fromMs: null, toMs: 20n }, { minTimestampMs: -1n, maxTimestampMs: 5n }), 'partly')
  assert.equal(coverageOf(null, { minTimestampMs: null, maxTimestampMs: -1n }), 'inside')
})
