import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { RunEvent } from '../../src/events/run-event.ts'
import { decodeLease, encodeLease, leasedRanges } from '../../src/format/lease.ts'
import { leaseKey, leasePrefix } from '../../src/repository/key-layout.ts'
import { acquireLease, type Lease, type LeaseRequest } from '../../src/repository/lease.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { SleepyClock } from '../storage/sleepy-clock.ts'
import { altered } from '../verify/altered-backend.ts'
import { openMemoryStore, withStore } from '../verify/tamperable-store.ts'

const BACKUP = 'daily'
const ORDERS = [0, 1, 2].map((partition) => ({ topic: 'orders', partition }))

/** Requests of runs that share a store and its time. */
class Stage implements AsyncDisposable {
  readonly clock = new SleepyClock()
  readonly events: RunEvent[] = []
  readonly alive = new Set<number>()
  readonly #storage: StorageBackend
  readonly #held: Lease[] = []

  constructor(storage: StorageBackend) {
    this.#storage = storage
  }

  async acquire(processId: number, changes: Partial<LeaseRequest> = {}, host = 'host-1'): Promise<Lease> {
    this.alive.add(processId)
    const lease = await acquireLease({
      storage: this.#storage,
      backupId: BACKUP,
      partitions: ORDERS,
      program: 'kafka-backup test',
      identity: { host, processId, isAlive: (id) => this.alive.has(id) },
      clock: this.clock,
      random: systemRandom,
      observe: (event) => this.events.push(event),
      signal: new AbortController().signal,
      ...changes,
    })
    this.#held.push(lease)
    return lease
  }

  /** Also after a failure: a lease is renewed for ever, and the clock of the stage would not stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    await release(...this.#held)
  }

  watched(): number {
    return this.events.filter(({ type }) => type === 'lease_watched').length
  }

  async leases(): Promise<string[]> {
    const keys: string[] = []
    for await (const { key } of this.#storage.list(leasePrefix(BACKUP))) keys.push(key)
    return keys
  }
}

async function release(...leases: Lease[]): Promise<void> {
  for (const lease of leases) await lease[Symbol.asyncDispose]()
}

/** A run that was killed: its lease stays as it is. */
async function plantLease(storage: StorageBackend, host: string, processId: number, isReleased = false) {
  const lease = systemRandom.hex(4)
  const record = { backupId: BACKUP, lease, program: 'kafka-backup test', host, processId, isReleased }
  const bytes = encodeLease({ ...record, beganAtMs: 0n, partitions: leasedRanges(ORDERS), renewals: 3 })
  await storage.replace(leaseKey(BACKUP, lease), bytes)
}

// Its calls take no time, as the clock of the stage wants it: time passes when nothing else is to do.
describe('a lease', () => {
  const staged = (run: (stage: Stage, storage: StorageBackend) => Promise<void>) => () =>
    withStore('memory', async ({ backend }) => {
      await using stage = new Stage(backend)
      await run(stage, backend)
    })

  test(
    'a second run is refused within one renewal, and says who the first one is',
    staged(async (stage) => {
      const first = await stage.acquire(1)
      const beganMs = stage.clock.monotonicMs()
      const error = await stage.acquire(2, {}, 'host-2').catch((error: unknown) => error)
      assert.ok(error instanceof KafkaBackupError)
      assert.equal(error.code, 'KB_LEASE_HELD')
      assert.match(error.message, /process 1 on host-1 has been writing to backup "daily" since /)
      assert.ok(stage.clock.monotonicMs() - beganMs <= LIMITS.leaseRenewalMs + 2 * LIMITS.leaseWatchMs)
      assert.equal((await stage.leases()).length, 1, 'the refused one is gone')
      await release(first)
      assert.deepEqual(await stage.leases(), [])
      await release(await stage.acquire(2, {}, 'host-2'))
      assert.equal(stage.watched(), 1, 'there is nobody to watch any more')
    }),
  )

  test(
    'runs of other partitions go side by side',
    staged(async (stage) => {
      const first = await stage.acquire(1)
      const second = await stage.acquire(2, { partitions: [{ topic: 'orders', partition: 3 }] })
      const third = await stage.acquire(3, { partitions: [{ topic: 'payments', partition: 0 }] })
      assert.equal(stage.watched(), 0)
      await assert.rejects(stage.acquire(4, { partitions: [{ topic: 'orders', partition: 2 }] }), {
        code: 'KB_LEASE_HELD',
      })
      await release(first, second, third)
    }),
  )

  test(
    'partitions that a run reads later are covered from the next renewal on',
    staged(async (stage) => {
      const joined = { topic: 'payments', partition: 0 }
      const first = await stage.acquire(1)
      first.cover([joined])
      await stage.clock.sleep(LIMITS.leaseRenewalMs + 1)
      await assert.rejects(stage.acquire(2, { partitions: [joined] }), { code: 'KB_LEASE_HELD' })
      await assert.rejects(stage.acquire(3), { code: 'KB_LEASE_HELD' })
      await release(first)
    }),
  )

  test(
    'a lease of a killed run is taken over when it was watched for long enough',
    staged(async (stage, storage) => {
      await plantLease(storage, 'host-9', 9)
      const lease = await stage.acquire(1)
      assert.ok(lease.hasWaited)
      assert.ok(stage.clock.monotonicMs() >= LIMITS.leaseDeadMs)
      assert.equal((await stage.leases()).length, 1, 'only the own one is left')
      await release(lease)
    }),
  )

  test(
    'a killed process of the same machine is not waited for, and neither is a released lease',
    staged(async (stage, storage) => {
      await plantLease(storage, 'host-1', 9)
      await plantLease(storage, 'host-9', 9, true)
      const lease = await stage.acquire(1)
      assert.equal(stage.watched(), 0)
      assert.equal(lease.hasWaited, false)
      assert.equal(stage.clock.monotonicMs(), 0)
      assert.equal((await stage.leases()).length, 1)
      await release(lease)
    }),
  )

  test(
    'of runs that begin at the same moment one goes on',
    staged(async (stage) => {
      const results = await Promise.allSettled([1, 2, 3, 4].map((id) => stage.acquire(id)))
      const held = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      assert.equal(held.length, 1)
      assert.equal((await stage.leases()).length, 1)
      await release(...held)
    }),
  )

  for (const code of ['KB_STORAGE_PERMISSION', 'KB_STORAGE_UNSUPPORTED'] as const)
    test(
      `who cannot write it goes on without, and says so (${code})`,
      staged(async (stage, storage) => {
        const denied = altered(storage, {
          replace: () => Promise.reject(new KafkaBackupError(code, 'no')),
        })
        const lease = await stage.acquire(1, { storage: denied })
        assert.deepEqual(stage.events, [{ type: 'lease_unavailable', reason: 'no' }])
        await release(lease)
      }),
    )

  test(
    'where nothing may be deleted, it says that it is released',
    staged(async (stage, storage) => {
      const locked = altered(storage, {
        delete: () => Promise.reject(new KafkaBackupError('KB_STORAGE_PERMISSION', 'no')),
      })
      await release(await stage.acquire(1, { storage: locked }))
      const [key] = await stage.leases()
      assert.equal(decodeLease(await storage.read(key ?? '', LIMITS.leaseMaxBytes))?.isReleased, true)
      await release(await stage.acquire(2, { storage: locked }))
      assert.equal(stage.watched(), 0)
    }),
  )

  test(
    'a store that fails now and then costs renewals, not the run',
    staged(async (stage, storage) => {
      let failures = 3
      const shaky = altered(storage, {
        replace: (key, bytes) => {
          if (stage.clock.monotonicMs() > 0 && failures-- > 0) {
            return Promise.reject(new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'away'))
          }
          return storage.replace(key, bytes)
        },
      })
      const lease = await stage.acquire(1, { storage: shaky })
      await stage.clock.sleep(5 * LIMITS.leaseRenewalMs)
      await turn()
      const [key] = await stage.leases()
      const record = decodeLease(await storage.read(key ?? '', LIMITS.leaseMaxBytes))
      assert.ok(record && record.renewals > 3, `${record?.renewals}`)
      await release(lease)
    }),
  )

  test(
    'what is no lease is neither a rival nor touched',
    staged(async (stage, storage) => {
      await storage.replace(leaseKey(BACKUP, '0000abcd'), Buffer.from('{"format":"later"}\n'))
      await storage.replace(`${leasePrefix(BACKUP)}notes.txt`, Buffer.from('mine'))
      await release(await stage.acquire(1))
      assert.equal(stage.watched(), 0)
      assert.equal((await stage.leases()).length, 2)
    }),
  )
})

test('a lease that is old by the time of the store is not waited for', async () => {
  const store = await openMemoryStore()
  await using stage = new Stage(store.backend)
  await plantLease(store.backend, 'host-9', 9)
  const [key] = await stage.leases()
  await store.write(key ?? '', await store.read(key ?? ''))
  const lease = await stage.acquire(1)
  assert.equal(stage.watched(), 0)
  assert.equal(stage.clock.monotonicMs(), 0)
  assert.equal((await stage.leases()).length, 1)
  await release(lease)
  await store.close()
})

test('ranges of partitions', () => {
  const partitions = [
    ...[3, 0, 1, 7].map((partition) => ({ topic: 'b', partition })),
    { topic: 'a', partition: 2 },
    { topic: 'b', partition: 1 },
  ]
  assert.deepEqual(leasedRanges(partitions), [
    { topic: 'a', first: 2, end: 3 },
    { topic: 'b', first: 0, end: 2 },
    { topic: 'b', first: 3, end: 4 },
    { topic: 'b', first: 7, end: 8 },
  ])
})
