import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { collect, expectCode } from '../../../testkit/src/conformance/storage-subject.ts'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { withResilience } from '../../src/storage/resilience.ts'
import type { CallOptions, StorageBackend } from '../../src/storage/storage-backend.ts'
import { probeStore } from '../../src/verify/probe-store.ts'
import { altered } from '../verify/altered-backend.ts'
import { SleepyClock } from './sleepy-clock.ts'

const BYTES = Buffer.from('x')
const stopped = () => new KafkaBackupError('KB_INTERRUPTED', 'stopped by the test')

/** A call that gets no answer: it ends with its signal, or never. */
function silence({ signal }: CallOptions = {}): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason)
    signal?.addEventListener('abort', () => reject(signal.reason))
  })
}

describe('a run that is stopped', () => {
  it('waits for a commit as long as the store answers, and a while longer', async () => {
    const clock = new SleepyClock()
    const stop = new AbortController()
    const inner = altered(new MemoryBackend('test'), {
      put: (_key, _bytes, options) => silence(options),
      stat: async () => {
        await clock.sleep(10_000)
        return undefined
      },
    })
    const { storage } = withResilience(() => inner, { clock, stop: stop.signal })
    const put = expectCode(storage.put('commit', BYTES), 'KB_INTERRUPTED')
    stop.abort(stopped())
    await storage.stat('other')
    await storage.stat('other')
    await put
    assert.equal(clock.monotonicMs(), 20_000 + LIMITS.stoppedSilenceMaxMs)
    // From now on nothing is begun that could not be broken off.
    await expectCode(storage.replace('manifest', BYTES), 'KB_INTERRUPTED')
    await storage.close()
  })

  it('leaves a silent store in the middle of any call', async () => {
    const silent = (_key: string, options?: CallOptions) => silence(options)
    const inner = altered(new MemoryBackend('test'), {
      stat: silent,
      delete: silent,
      listFolders: silent,
      read: (_key, _bytes, options) => silence(options),
      readRange: (_key, _range, options) => silence(options),
      replace: (_key, _bytes, options) => silence(options),
      list: async function* (_prefix, options) {
        yield await silence(options)
      },
    })
    const calls: readonly ((storage: StorageBackend) => Promise<unknown>)[] = [
      (storage) => storage.stat('a'),
      (storage) => storage.delete('a'),
      (storage) => storage.listFolders(''),
      (storage) => storage.read('a', 1),
      (storage) => storage.readRange('a', { begin: 0, end: 1 }),
      (storage) => storage.replace('a', BYTES),
      (storage) => collect(storage.list('')),
    ]
    for (const call of calls) {
      const stop = new AbortController()
      const { storage } = withResilience(() => inner, { clock: new SleepyClock(), stop: stop.signal })
      const left = expectCode(call(storage), 'KB_INTERRUPTED')
      stop.abort(stopped())
      await left
      await storage.close()
    }
  })

  it('takes no longer than it was allowed to, whatever the store answers', async () => {
    const clock = new SleepyClock()
    const stop = new AbortController()
    const inner = altered(new MemoryBackend('test'), {
      put: (_key, _bytes, options) => silence(options),
      stat: async () => {
        await clock.sleep(4_000)
        return undefined
      },
    })
    const { storage } = withResilience(() => inner, { clock, stop: stop.signal, stopLimitMs: 7_000 })
    const put = expectCode(storage.put('commit', BYTES), 'KB_INTERRUPTED')
    stop.abort(stopped())
    await storage.stat('other')
    await put
    assert.equal(clock.monotonicMs(), 7_000)
    await storage.close()
  })

  it('is not held by what waits when nobody stopped it, nor after the end', async () => {
    const clock = new SleepyClock()
    const stop = new AbortController()
    const { storage } = withResilience(() => new MemoryBackend('test'), { clock, stop: stop.signal })
    await clock.sleep(10 * LIMITS.stoppedSilenceMaxMs)
    await storage.put('commit', BYTES)
    stop.abort(stopped())
    await storage.replace('manifest', BYTES)
    await storage.close()
    assert.equal(clock.monotonicMs(), 10 * LIMITS.stoppedSilenceMaxMs)
  })

  it('leaves the objects of a probe to a silent store after a grace, and names them', async () => {
    const clock = new SleepyClock()
    const stop = new AbortController()
    const store = new MemoryBackend('test')
    let puts = 0
    const storage = altered(store, {
      put: async (key, bytes, options) => {
        if (++puts < 3) return store.put(key, bytes, options)
        stop.abort(stopped())
        return silence(options)
      },
      delete: (_key, options) => silence(options),
      // It answered what the probe asks before it writes.
      stat: (key, options) => (puts === 0 ? store.stat(key, options) : silence(options)),
    })
    const random = { fraction: () => 0.5, hex: (bytes: number) => 'ab'.repeat(bytes) }
    const left: string[] = []
    const onLeft = (keys: readonly string[]) => void left.push(...keys)
    await expectCode(probeStore({ storage, clock, random, signal: stop.signal, onLeft }), 'KB_INTERRUPTED')
    assert.equal(clock.monotonicMs(), LIMITS.cleanupGraceMs)
    for await (const { key } of store.list('')) assert.ok(left.includes(key), key)
    assert.ok(left.length >= 2)
  })
})
