import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { collect, expectBytes, expectCode } from '../../../testkit/src/conformance/storage-subject.ts'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { RetryingBackend } from '../../src/storage/retrying-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { StoreRestingError } from '../../src/storage/store-breaker.ts'
import { STORAGE_RETRY, StoreRetry } from '../../src/storage/store-retry.ts'
import { altered } from '../verify/altered-backend.ts'
import { SleepyClock } from './sleepy-clock.ts'

const OURS = Buffer.from('ours')
const unavailable = () => new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'the test wants it')

function retrying(inner: StorageBackend, clock = new SleepyClock()) {
  return { clock, backend: new RetryingBackend(inner, new StoreRetry({ clock })) }
}

/** Fails the first calls of one method, after they were carried out or before. */
function failing(
  method: 'put' | 'replace' | 'read' | 'stat' | 'delete' | 'listFolders',
  times: number,
  isCarriedOut: boolean,
) {
  const store = new MemoryBackend('test')
  let calls = 0
  const call = async (...args: never[]) => {
    const run = () => (store[method] as (...rest: never[]) => Promise<unknown>)(...args)
    if (++calls > times) return run()
    if (isCarriedOut) await run()
    throw unavailable()
  }
  return { store, inner: altered(store, { [method]: call }), calls: () => calls }
}

describe('retrying backend', () => {
  it('takes a put that was carried out without an answer for done, by its bytes', async () => {
    const { store, inner } = failing('put', 2, false)
    await retrying(inner).backend.put('a', OURS)
    expectBytes(await store.read('a', 10), OURS)
    const late = failing('put', 1, true)
    await retrying(late.inner).backend.put('a', OURS)
    assert.equal(late.calls(), 2)
  })

  it('does not take the bytes of somebody else for its own, whatever their length', async () => {
    for (const other of ['them', 'longer than ours', 'o']) {
      const { store, inner } = failing('put', 1, false)
      await store.put('a', Buffer.from(other))
      await expectCode(retrying(inner).backend.put('a', OURS), 'KB_OBJECT_EXISTS')
    }
  })

  it('refuses a taken key when nothing was unsure, also with the same bytes', async () => {
    const store = new MemoryBackend('test')
    await store.put('a', OURS)
    await expectCode(retrying(store).backend.put('a', OURS), 'KB_OBJECT_EXISTS')
  })

  it('takes a call that was not made for no attempt of its own', async () => {
    const store = new MemoryBackend('test')
    let isResting = true
    const inner = altered(store, {
      put: async (key, bytes) => {
        if (!isResting) return store.put(key, bytes)
        isResting = false
        await store.put(key, bytes)
        throw new StoreRestingError('the store', 10)
      },
    })
    await expectCode(retrying(inner).backend.put('a', OURS), 'KB_OBJECT_EXISTS')
  })

  it('repeats what only asks, replaces or deletes', async () => {
    for (const method of ['replace', 'read', 'stat', 'delete', 'listFolders'] as const) {
      const { store, inner, calls } = failing(method, 3, true)
      await store.put('a', OURS)
      const { backend } = retrying(inner)
      await backend.stat('warm')
      const args = { replace: ['a', OURS], read: ['a', 10], stat: ['a'], delete: ['a'], listFolders: [''] }
      await (backend[method] as (...rest: unknown[]) => Promise<unknown>)(...args[method])
      assert.ok(calls() >= 4, method)
    }
  })

  it('goes on with a listing behind the last key, and yields each once', async () => {
    const store = new MemoryBackend('test')
    const keys = ['a', 'b', 'c', 'd', 'e']
    for (const key of keys) await store.put(key, OURS)
    const afters: (string | undefined)[] = []
    const inner = altered(store, {
      async *list(prefix, options) {
        afters.push(options?.after)
        let given = 0
        for await (const entry of store.list(prefix, options)) {
          if (++given > 2 && afters.length < 4) throw unavailable()
          yield entry
        }
      },
    })
    const found = await collect(retrying(inner).backend.list(''))
    assert.deepEqual(
      found.map(({ key }) => key),
      keys,
    )
    assert.deepEqual(afters.slice(0, 2), [undefined, 'b'])
  })

  it('ends the inner listing when nobody wants more of it', async () => {
    const store = new MemoryBackend('test')
    for (const key of ['a', 'b', 'c']) await store.put(key, OURS)
    let ended = 0
    const inner = altered(store, {
      async *list(prefix, options) {
        try {
          yield* store.list(prefix, options)
        } finally {
          ended++
        }
      },
    })
    for await (const { key } of retrying(inner).backend.list('')) {
      assert.equal(key, 'a')
      break
    }
    assert.equal(ended, 1)
  })

  it('asks no more when the wait for the shared rate took all of its time', async () => {
    const clock = new SleepyClock()
    const askedAtMs: number[] = []
    const inner = altered(new MemoryBackend('test'), {
      stat: async () => {
        askedAtMs.push(clock.monotonicMs())
        throw unavailable()
      },
    })
    const policy = { ...STORAGE_RETRY, firstDelayMs: 1, maxDelayMs: 1, retriesPerSec: 0.01, burstRetries: 1 }
    const backend = new RetryingBackend(inner, new StoreRetry({ clock, policy }))
    await expectCode(backend.stat('a'), 'KB_STORAGE_UNAVAILABLE')
    assert.ok(clock.monotonicMs() > policy.strangerGiveUpAfterMs, 'the rate let nobody through in time')
    assert.ok(askedAtMs.length > 1)
    assert.ok(Math.max(...askedAtMs) <= policy.strangerGiveUpAfterMs, `asked at ${askedAtMs.join()} ms`)
  })

  it('gives up after its time, sooner with a store that never answered, and tells the failure', async () => {
    const { inner } = failing('stat', Number.POSITIVE_INFINITY, false)
    const stranger = retrying(inner)
    await expectCode(stranger.backend.stat('a'), 'KB_STORAGE_UNAVAILABLE')
    assert.ok(stranger.clock.monotonicMs() <= STORAGE_RETRY.strangerGiveUpAfterMs)
    assert.ok(stranger.clock.monotonicMs() <= 10_000, 'as decision 8 says')
    const known = retrying(inner)
    await known.backend.listFolders('')
    await expectCode(known.backend.stat('a'), 'KB_STORAGE_UNAVAILABLE')
    const spentMs = known.clock.monotonicMs()
    assert.ok(spentMs > 250_000 && spentMs <= STORAGE_RETRY.giveUpAfterMs, `${spentMs} ms`)
  })

  it('shares its repetitions: a hundred calls to a dead store make no more than the rate allows', async () => {
    const { inner, calls } = failing('stat', Number.POSITIVE_INFINITY, false)
    const { backend, clock } = retrying(inner)
    await backend.listFolders('')
    const all = Array.from({ length: 100 }, () => expectCode(backend.stat('a'), 'KB_STORAGE_UNAVAILABLE'))
    await Promise.all(all)
    const { burstRetries, retriesPerSec } = STORAGE_RETRY
    const allowed = 100 + burstRetries + (clock.monotonicMs() / 1000) * retriesPerSec + 1
    assert.ok(calls() <= allowed, `${calls()} calls, ${allowed} allowed`)
    assert.ok(calls() < 100 * 40, 'less than without the shared rate')
  })

  it('repeats nothing that is an answer, and obeys the signal at once', async () => {
    const store = new MemoryBackend('test')
    const { backend } = retrying(store)
    await expectCode(backend.read('absent', 10), 'KB_OBJECT_NOT_FOUND')
    const stop = new AbortController()
    const { inner } = failing('stat', Number.POSITIVE_INFINITY, false)
    const waiting = new RetryingBackend(inner).stat('a', { signal: stop.signal })
    stop.abort(new KafkaBackupError('KB_INTERRUPTED', 'stop'))
    await expectCode(waiting, 'KB_INTERRUPTED')
  })

  it('takes a failure of a writer for final', async () => {
    const store = new MemoryBackend('test')
    let commits = 0
    const inner = altered(store, {
      openWrite: async (key, options) => ({
        ...(await store.openWrite(key, options)),
        write: async () => undefined,
        commit: async () => {
          commits++
          throw unavailable()
        },
      }),
    })
    const writer = await retrying(inner).backend.openWrite('a')
    await expectCode(writer.commit(), 'KB_STORAGE_UNAVAILABLE')
    assert.equal(commits, 1)
  })

  it('passes on what a store says of its place, when it says anything', async () => {
    const store = new MemoryBackend('test')
    assert.equal(retrying(store).backend.inspectPlace, undefined)
    const facts = { versioning: 'on', objectLock: 'off', defaultRetention: null } as const
    const { backend } = retrying(altered(store, { inspectPlace: async () => facts }))
    assert.deepEqual(await backend.inspectPlace?.(), facts)
  })
})
