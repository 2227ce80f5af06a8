import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { type Clock, systemClock } from '../../src/runtime/clock.ts'
import { type Random, systemRandom } from '../../src/runtime/random.ts'
import { backoffDelayMs, type RetryPolicy, retry } from '../../src/runtime/retry.ts'

const POLICY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 5_000 }
const TRANSIENT = () => new KafkaBackupError('KB_BROKER_TRANSIENT', 'no leader')

/** A clock that moves only by what is slept; `slept` lists the delays. */
function stoppedClock(): Clock & { readonly slept: number[]; advance(durationMs: number): void } {
  let nowMs = 0
  const slept: number[] = []
  return {
    slept,
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    advance(durationMs) {
      nowMs += durationMs
    },
    async sleep(durationMs, signal) {
      signal?.throwIfAborted()
      slept.push(durationMs)
      nowMs += durationMs
    },
  }
}

function always(fraction: number): Random {
  return { fraction: () => fraction, hex: () => '' }
}

test('what succeeds is returned, at the first attempt or after failures that pass', async () => {
  const clock = stoppedClock()
  assert.equal(await retry(async (attempt) => attempt, { policy: POLICY, clock }), 1)
  assert.deepEqual(clock.slept, [])
  const told: [unknown, number][] = []
  const error = TRANSIENT()
  const result = await retry(
    async (attempt) => {
      if (attempt < 4) throw error
      return `attempt ${attempt}`
    },
    {
      policy: POLICY,
      clock,
      random: always(0),
      onRetry: (reason, attempt) => told.push([reason, attempt]),
    },
  )
  assert.equal(result, 'attempt 4')
  assert.deepEqual(
    told,
    [1, 2, 3].map((attempt) => [error, attempt]),
  )
  assert.deepEqual(clock.slept, [50, 100, 200])
})

test('an error that will not pass is thrown at once, ours or not', async () => {
  for (const error of [new KafkaBackupError('KB_TOPIC_NOT_FOUND', 'gone'), new TypeError('bug')]) {
    let attempts = 0
    const failing = retry(
      async () => {
        attempts++
        throw error
      },
      { policy: POLICY, clock: stoppedClock() },
    )
    await assert.rejects(failing, error)
    assert.equal(attempts, 1)
  }
})

test('an error that stops being one that passes ends the attempts', async () => {
  const last = new KafkaBackupError('KB_CLUSTER_PERMISSION', 'denied')
  const failing = retry(
    async (attempt) => {
      throw attempt < 3 ? TRANSIENT() : last
    },
    { policy: POLICY, clock: stoppedClock() },
  )
  await assert.rejects(failing, last)
})

/*
 * The promise is that no attempt begins later than `giveUpAfterMs`. The time was looked at before the pause and not behind
 * it, so the last attempt began up to a whole pause too late.
 */
test('no attempt begins later than allowed, however long attempts and pauses are', async () => {
  for (const [attemptMs, fraction] of [
    [0, 0],
    [0, 0.999],
    [700, 0.5],
    [4_999, 0.5],
    [9_000, 0],
  ] as const) {
    const clock = stoppedClock()
    const beganMs: number[] = []
    const failing = retry(
      async () => {
        beganMs.push(clock.monotonicMs())
        clock.advance(attemptMs)
        throw TRANSIENT()
      },
      { policy: POLICY, clock, random: always(fraction) },
    )
    await assert.rejects(failing, { code: 'KB_BROKER_TRANSIENT' })
    assert.ok(beganMs.at(-1)! <= POLICY.giveUpAfterMs, `an attempt began after ${beganMs.at(-1)} ms`)
    const wouldBeginMs = clock.monotonicMs() + POLICY.maxDelayMs
    assert.ok(wouldBeginMs > POLICY.giveUpAfterMs, 'it did not give up early')
  }
})

test('a policy without time makes one attempt', async () => {
  let attempts = 0
  const failing = retry(
    async () => {
      attempts++
      throw TRANSIENT()
    },
    { policy: { ...POLICY, giveUpAfterMs: 0 }, clock: stoppedClock() },
  )
  await assert.rejects(failing)
  assert.equal(attempts, 1)
})

test('an abort before the first attempt, and between two, ends it with the reason', async () => {
  const before = retry(async () => 'never', { policy: POLICY, signal: AbortSignal.abort(new Error('stop')) })
  await assert.rejects(before, /stop/)

  const abort = new AbortController()
  let attempts = 0
  const failing = retry(
    async () => {
      attempts++
      throw TRANSIENT()
    },
    {
      policy: { ...POLICY, firstDelayMs: 60_000, maxDelayMs: 60_000, giveUpAfterMs: 600_000 },
      signal: abort.signal,
      onRetry: () => setImmediate(() => abort.abort(new Error('interrupted'))),
    },
  )
  const beganMs = performance.now()
  await assert.rejects(failing, /interrupted/)
  assert.equal(attempts, 1)
  assert.ok(performance.now() - beganMs < 5_000, 'the pause was cut short')
})

test('pauses double up to the longest, and chance takes at most a half', () => {
  for (let attempt = 1; attempt <= 60; attempt++) {
    const ceilingMs = Math.min(1_000, 100 * 2 ** (attempt - 1))
    assert.equal(backoffDelayMs(POLICY, attempt, always(0)), ceilingMs / 2)
    const longestMs = backoffDelayMs(POLICY, attempt, always(1 - 2 ** -32))
    assert.ok(longestMs > ceilingMs * 0.999 && longestMs <= ceilingMs)
    const delayMs = backoffDelayMs(POLICY, attempt)
    assert.ok(delayMs >= ceilingMs / 2 && delayMs <= ceilingMs)
  }
})

test('the randomness of the system stays in its bounds and does not repeat itself', () => {
  const fractions = Array.from({ length: 1_000 }, () => systemRandom.fraction())
  assert.ok(fractions.every((fraction) => fraction >= 0 && fraction < 1))
  assert.ok(new Set(fractions).size > 990)
  assert.match(systemRandom.hex(8), /^[0-9a-f]{16}$/)
  assert.notEqual(systemRandom.hex(8), systemRandom.hex(8))
})

test('the clock of the system sleeps, and wakes up for an abort with its reason', async () => {
  const beganMs = systemClock.monotonicMs()
  await systemClock.sleep(20)
  assert.ok(systemClock.monotonicMs() - beganMs >= 15)
  const abort = new AbortController()
  const sleeping = systemClock.sleep(60_000, abort.signal)
  abort.abort(new Error('wake up'))
  await assert.rejects(sleeping, /wake up/)
  await assert.rejects(systemClock.sleep(1, AbortSignal.abort(new Error('late'))), /late/)
  assert.ok(Math.abs(systemClock.nowMs() - Date.now()) < 1_000)
})
