import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '../../src/runtime/clock.ts'
import { RateLimiter } from '../../src/runtime/rate-limiter.ts'

/** Time that passes only while somebody sleeps. */
function sleepyClock(): Clock {
  let now = 0
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    async sleep(durationMs, signal) {
      signal?.throwIfAborted()
      now += durationMs
    },
  }
}

describe('RateLimiter', () => {
  it('lets no more through than the rate and one burst allow', async () => {
    const clock = sleepyClock()
    const limiter = new RateLimiter({ unitsPerSec: 1_000, burstUnits: 500 }, clock)
    for (let taken = 0; taken < 10_000; taken += 100) await limiter.take(100)
    assert.ok(clock.monotonicMs() >= 9_300 && clock.monotonicMs() <= 9_600, `${clock.monotonicMs()} ms`)
  })

  it('lets something through that is larger than the burst, and makes the next one wait for it', async () => {
    const clock = sleepyClock()
    const limiter = new RateLimiter({ unitsPerSec: 100 }, clock)
    await limiter.take(1_000)
    assert.equal(clock.monotonicMs(), 0)
    await limiter.take(1)
    assert.ok(clock.monotonicMs() >= 8_900, `${clock.monotonicMs()} ms`)
  })

  it('does not let one that gives up stop those behind it', async () => {
    const clock = sleepyClock()
    const limiter = new RateLimiter({ unitsPerSec: 10 }, clock)
    await limiter.take(100)
    const given = new AbortController()
    given.abort(new Error('enough'))
    const rejected = assert.rejects(limiter.take(1, given.signal), /enough/)
    await limiter.take(1)
    await rejected
  })
})
