import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { expectBytes, expectCode } from '../../../testkit/src/conformance/storage-subject.ts'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { RunEvent } from '../../src/events/run-event.ts'
import { CircuitBreaker } from '../../src/runtime/circuit-breaker.ts'
import { RateLimiter } from '../../src/runtime/rate-limiter.ts'
import { BreakerBackend } from '../../src/storage/breaker-backend.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { STORAGE_BREAKER, withResilience } from '../../src/storage/resilience.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { ThrottledBackend } from '../../src/storage/throttled-backend.ts'
import { altered } from '../verify/altered-backend.ts'
import { SleepyClock } from './sleepy-clock.ts'

const BYTES = Buffer.alloc(1_000, 7)

/** A store that answers nothing while it is down, and counts what reached it. */
function flaky() {
  const store = new MemoryBackend('test')
  const state = { isDown: () => false, calls: 0 }
  const guarded =
    (method: 'put' | 'stat' | 'read' | 'replace') =>
    async (...args: never[]) => {
      state.calls++
      if (state.isDown()) throw new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'down')
      return (store[method] as (...rest: never[]) => Promise<unknown>)(...args)
    }
  const inner = altered(store, {
    put: guarded('put'),
    stat: guarded('stat'),
    read: guarded('read'),
    replace: guarded('replace'),
    openWrite: async (key, options) => {
      const writer = await store.openWrite(key, options)
      return {
        ...writer,
        write: (chunks) => writer.write(chunks),
        abort: () => writer.abort(),
        commit: async () => {
          state.calls++
          if (state.isDown()) throw new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'down')
          await writer.commit()
        },
      }
    },
  } as Partial<StorageBackend>)
  return { store, inner, state }
}

const isResting = (error: unknown): boolean =>
  (error as { readonly retryAfterMs?: number }).retryAfterMs !== undefined

describe('breaker backend', () => {
  it('makes no call while the store rests, and says when to ask again', async () => {
    const { inner, state } = flaky()
    const clock = new SleepyClock()
    const backend = new BreakerBackend(inner, new CircuitBreaker({ policy: STORAGE_BREAKER, clock }))
    state.isDown = () => true
    for (let at = 0; at < 5; at++) await expectCode(backend.stat('a'), 'KB_STORAGE_UNAVAILABLE')
    const before = state.calls
    const calls = [backend.stat('a'), backend.put('a', BYTES), backend.read('a', 10), backend.openWrite('a')]
    for (const call of calls) {
      await assert.rejects(call, isResting)
    }
    assert.equal(state.calls, before)
  })

  it('takes every answer for a sign of life', async () => {
    const { inner, state } = flaky()
    const breaker = new CircuitBreaker({ policy: STORAGE_BREAKER, clock: new SleepyClock() })
    const backend = new BreakerBackend(inner, breaker)
    for (let at = 0; at < 12; at++) {
      state.isDown = () => at % 4 !== 3
      const code = at % 4 === 3 ? 'KB_OBJECT_NOT_FOUND' : 'KB_STORAGE_UNAVAILABLE'
      await expectCode(backend.read('absent', 10), code)
    }
    assert.equal(breaker.state, 'closed')
  })

  it('takes a try that was given up for no sign at all, and lets the next call try at once', async () => {
    const { inner, state } = flaky()
    const clock = new SleepyClock()
    const breaker = new CircuitBreaker({ policy: STORAGE_BREAKER, clock })
    let giveUp: Error | undefined
    const stat = async (key: string) => {
      if (giveUp) throw giveUp
      return inner.stat(key)
    }
    const backend = new BreakerBackend(altered(inner, { stat }), breaker)
    state.isDown = () => true
    for (let at = 0; at < 5; at++) await expectCode(backend.stat('a'), 'KB_STORAGE_UNAVAILABLE')
    state.isDown = () => false
    await clock.sleep(STORAGE_BREAKER.maxPauseMs)
    for (giveUp of [new Error('given up'), new KafkaBackupError('KB_INTERRUPTED', 'stop')]) {
      await assert.rejects(backend.stat('a'), giveUp)
      assert.equal(breaker.state, 'open')
      assert.equal(breaker.restMs, 0)
    }
    giveUp = undefined
    await backend.stat('a')
    assert.equal(breaker.state, 'closed')
  })
})

describe('a writer of a store that rests', () => {
  it('is not touched, also when the next try is due, until somebody has seen the store awake', async () => {
    const { store, inner, state } = flaky()
    const clock = new SleepyClock()
    const backend = new BreakerBackend(inner, new CircuitBreaker({ policy: STORAGE_BREAKER, clock }))
    const writer = await backend.openWrite('streamed')
    state.isDown = () => true
    for (let at = 0; at < 5; at++) await expectCode(backend.stat('a'), 'KB_STORAGE_UNAVAILABLE')
    await clock.sleep(STORAGE_BREAKER.maxPauseMs)
    await assert.rejects(writer.write([BYTES]), isResting)
    await clock.sleep(STORAGE_BREAKER.maxPauseMs)
    await assert.rejects(writer.commit(), isResting)
    state.isDown = () => false
    await clock.sleep(STORAGE_BREAKER.maxPauseMs)
    await writer.write([BYTES])
    await writer.commit()
    assert.equal((await store.stat('streamed'))?.bytes, BYTES.length)
  })
})

describe('throttled backend', () => {
  it('keeps what is written and read below the rate, together', async () => {
    const clock = new SleepyClock()
    const limiter = new RateLimiter({ unitsPerSec: 1_000 }, clock)
    const backend = new ThrottledBackend(new MemoryBackend('test'), limiter)
    await backend.put('a', BYTES)
    const writer = await backend.openWrite('b')
    for (let at = 0; at < 3; at++) await writer.write([BYTES])
    await writer.commit()
    for (let at = 0; at < 3; at++) await backend.read('a', 1_000)
    for (let at = 0; at < 3; at++) await backend.readRange('a', { begin: 0, end: 1_000 })
    await backend.replace('a', BYTES)
    // 11,000 bytes; the last of them are a debt, and the first were a burst.
    assert.ok(clock.monotonicMs() >= 9_000 && clock.monotonicMs() <= 11_000, `${clock.monotonicMs()} ms`)
  })
})

describe('all layers together', () => {
  it('bring calls of every kind through an outage of thirty seconds, with few requests, and tell of it', async () => {
    const { store, inner, state } = flaky()
    const clock = new SleepyClock()
    const events: RunEvent[] = []
    const { storage, usage } = withResilience(() => inner, { clock, observe: (event) => events.push(event) })
    await storage.put('warm', BYTES)
    const writer = await storage.openWrite('streamed')
    await writer.write([BYTES])
    state.isDown = () => clock.monotonicMs() < 30_000
    const before = state.calls
    const work = [
      ...Array.from({ length: 50 }, (_, at) => storage.put(`many/${at}`, BYTES)),
      ...Array.from({ length: 49 }, () => storage.stat('warm')),
    ]
    await expectCode(
      storage.stat('warm').then(() => storage.read('absent', 1)),
      'KB_OBJECT_NOT_FOUND',
    )
    await Promise.all(work)
    await writer.write([BYTES])
    await writer.commit()
    for (let at = 0; at < 50; at++) expectBytes(await store.read(`many/${at}`, 1_000), BYTES)
    assert.equal((await store.stat('streamed'))?.bytes, 2_000)
    // Each of the hundred once before the breaker is open, each once after, and a few tries between.
    assert.ok(state.calls - before < 250, `${state.calls - before} requests`)
    const states = events.flatMap((event) => (event.type === 'store_availability' ? event.state : []))
    assert.equal(states[0], 'open')
    assert.ok(states.filter((name) => name === 'trying').length < 20, states.join(' '))
    assert.equal(states.at(-1), 'closed')
    assert.ok(usage().calls.put >= 51)
  })

  it('keep a writer from an outage that began before its commit', async () => {
    const { store, inner, state } = flaky()
    const clock = new SleepyClock()
    const { storage } = withResilience(() => inner, { clock })
    const writer = await storage.openWrite('streamed')
    await writer.write([BYTES])
    await storage.stat('warm')
    const endMs = clock.monotonicMs() + 20_000
    state.isDown = () => clock.monotonicMs() < endMs
    const others = Array.from({ length: 6 }, () => storage.stat('warm'))
    await new Promise((resolve) => setImmediate(resolve))
    await writer.commit()
    await Promise.all(others)
    assert.equal((await store.stat('streamed'))?.bytes, 1_000)
  })
})
