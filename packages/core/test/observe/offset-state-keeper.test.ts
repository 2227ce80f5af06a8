import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { RunEvent } from '../../src/events/run-event.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import type { CheckpointCache } from '../../src/observe/checkpoint-cache.ts'
import { OffsetCacheThread } from '../../src/observe/offset-cache-thread.ts'
import type { OffsetChange, SeenCommit } from '../../src/observe/offset-state.ts'
import { OffsetStateKeeper } from '../../src/observe/offset-state-keeper.ts'
import { readCopiedState, readLocalState } from '../../src/observe/read-offset-state.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { commitKey, offsetStateKey } from '../../src/repository/key-layout.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { type Clock, systemClock } from '../../src/runtime/clock.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { altered } from '../verify/altered-backend.ts'
import { BACKUP, draft, ORDERS_TOPIC } from '../verify/archive-writer.ts'
import { mark, withDatabasePath } from './offset-samples.ts'

/** A hundred times faster than time. */
const HURRIED: Clock = {
  ...systemClock,
  sleep: (durationMs, signal) => systemClock.sleep(durationMs / 100, signal),
}

const AWAY = { state: 'open', failures: 5, retryInMs: 5, reason: 'x does not answer' } as const
const NEVER = new AbortController().signal

interface SampleParts {
  readonly storage?: StorageBackend
  readonly state?: BackupState
  readonly clock?: Clock
}

/** A run of two partitions that commits when it is told to. */
class SampleRun {
  readonly events: RunEvent[] = []
  readonly storage: StorageBackend
  readonly state: BackupState
  readonly keeper: OffsetStateKeeper

  constructor(makeCache: (warn: (text: string) => void) => CheckpointCache, parts: SampleParts = {}) {
    this.storage = parts.storage ?? new MemoryBackend('x')
    this.state = parts.state ?? new BackupState(BACKUP)
    this.keeper = new OffsetStateKeeper({
      makeCache: (_, warn) => makeCache(warn),
      syncIntervalMs: 50,
      clock: parts.clock ?? systemClock,
      tell: (event) => this.events.push(event),
    })
  }

  begin(): void {
    this.keeper.begin({ storage: this.storage, state: this.state, clusterId: 'c' })
  }

  async commit(firstOffset: bigint, endOffset: bigint): Promise<void> {
    const isFirst = this.state.tip === null
    const place = { topic: 'orders', lineage: 1, firstOffset, endOffset, reason: 'missing_in_log' as const }
    const begins = [0, 1].map((partition) => ({ topic: 'orders', partition, offset: 0n }))
    const commit = await appendCommit(
      this.storage,
      this.state,
      draft('run-1', 'running', {
        ...(isFirst ? { topics: [ORDERS_TOPIC], begins } : {}),
        gaps: [{ ...place, partition: 0 }],
      }),
    )
    this.keeper.observe({ type: 'commit_created', number: commit.number, durationMs: 1, uploadMs: 0 })
  }

  get troubles(): string[] {
    return this.events.flatMap((event) =>
      event.type === 'offset_state_trouble' ? `${event.where}: ${event.detail}` : [],
    )
  }
}

/** What the last change says of the store and the cluster. */
function circuitsOf(saved: readonly OffsetChange[]) {
  const { store, cluster } = saved.at(-1)?.job.circuits ?? {}
  return [store, cluster].map((circuit) => [circuit?.state, circuit?.failures])
}

/** A cache that does what the parts say, and nothing else. */
function cacheOf(parts: Partial<CheckpointCache> = {}): CheckpointCache {
  return {
    place: '/somewhere',
    begin: async () => null,
    save: async () => undefined,
    render: async () => Buffer.from('bytes'),
    close: async () => undefined,
    ...parts,
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 20_000
  while (!isTrue()) {
    assert.ok(performance.now() < deadlineMs, 'it happens in time')
    await systemClock.sleep(5)
  }
}

describe('the state of a run', () => {
  test('is in the file and in the copy what the commits say, to the end', () =>
    withDatabasePath(async (path) => {
      const run = new SampleRun((warn) => new OffsetCacheThread({ path, warn }))
      run.begin()
      await run.commit(0n, 10n)
      await run.commit(10n, 25n)
      await run.keeper.end('complete')
      const place = { backupId: BACKUP, repository: run.storage.location }
      const local = (await readLocalState(path, place)).state
      const copy = (await readCopiedState(run.storage, BACKUP, NEVER)).state
      for (const state of [local, copy]) {
        assert.deepEqual(
          state?.offsets.map(({ partition, lastOffset }) => [partition, lastOffset]),
          [
            [0, 24n],
            [1, -1n],
          ],
        )
        const { status, outcome, commit, clusterId, runId } = state.job
        assert.deepEqual([status, outcome, clusterId, runId], ['completed', 'complete', 'c', 'run-1'])
        assert.equal(commit?.sha256, run.state.tip?.sha256)
      }
      assert.equal(local?.seen?.number, 2n)
      assert.deepEqual(run.events, [])
    }))

  test('says paused with the reason while the store is away, and how the run failed', async () => {
    const saved: OffsetChange[] = []
    const run = new SampleRun(() => cacheOf({ save: async (change) => void saved.push(change) }))
    run.begin()
    const away = { type: 'store_availability', location: 'x', retryInMs: 5, failures: 5 } as const
    run.keeper.observe({ ...away, state: 'open', reason: 'x does not answer' })
    await until(() => saved.at(-1)?.job.status === 'paused')
    assert.match(saved.at(-1)?.job.reason ?? '', /x does not answer/)
    assert.deepEqual(circuitsOf(saved), [
      ['open', 5],
      ['closed', 0],
    ])
    // A try that nobody made is taken back.
    run.keeper.observe({ ...away, state: 'trying', reason: '' })
    await until(() => circuitsOf(saved)[0]?.[0] === 'half_open')
    run.keeper.observe({ ...away, state: 'closed', reason: '', failures: 0 })
    await until(() => saved.at(-1)?.job.status === 'running')
    assert.deepEqual(circuitsOf(saved)[0], ['closed', 0])
    for (const { job } of saved) {
      if (job.status === 'paused') assert.match(job.reason, /x does not answer/)
    }
    await run.keeper.end('failed', new KafkaBackupError('KB_CLUSTER_UNREACHABLE', 'nobody is there'))
    const { status, reason } = saved.at(-1)?.job ?? {}
    assert.deepEqual([status, reason], ['failed', 'KB_CLUSTER_UNREACHABLE: nobody is there'])
  })

  test('has a heartbeat, also while nothing is committed', async () => {
    const saved: OffsetChange[] = []
    const run = new SampleRun(() => cacheOf({ save: async (change) => void saved.push(change) }), {
      clock: HURRIED,
    })
    run.begin()
    await until(() => saved.length >= 3)
    const [first, , third] = saved
    assert.ok(first && third && third.job.lastHeartbeatMs > first.job.lastHeartbeatMs)
    assert.deepEqual(third.offsets, [])
    await run.keeper.end('complete')
    const count = saved.length
    await systemClock.sleep(200)
    assert.equal(saved.length, count, 'none after the end')
  })

  test('merges what a slow disk has not taken yet into one write', async () => {
    const saved: OffsetChange[] = []
    const gate = Promise.withResolvers<null>()
    const run = new SampleRun(() =>
      cacheOf({ begin: () => gate.promise, save: async (change) => void saved.push(change) }),
    )
    run.begin()
    for (let at = 0n; at < 50n; at++) await run.commit(at, at + 1n)
    gate.resolve(null)
    await until(() => saved.length > 0)
    assert.equal(saved.length, 1)
    assert.deepEqual(saved[0]?.job.commit?.number, 50n)
    assert.equal(saved[0]?.offsets.find(({ partition }) => partition === 0)?.lastOffset, 49n)
    await run.keeper.end('complete')
  })

  test('is written to the end, whenever that comes after the write before it', async () => {
    // No copy is made then, which would save once more.
    const lost = new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'x does not answer')
    for (let hops = 0; hops < 20; hops++) {
      const saved: OffsetChange[] = []
      let ending: Promise<void> | undefined
      // Each hop is one step of a promise later.
      const hop = (left: number): void => {
        if (left === 0) ending = run.keeper.end('failed', lost)
        else queueMicrotask(() => hop(left - 1))
      }
      const save = async (change: OffsetChange) => {
        if (saved.push(change) === 1) hop(hops)
      }
      const run = new SampleRun(() => cacheOf({ save }))
      run.begin()
      await new Promise((resolve) => setImmediate(resolve))
      run.keeper.observe({ type: 'store_availability', location: 'x', ...AWAY })
      await until(() => ending !== undefined)
      await ending
      assert.equal(saved.at(-1)?.job.outcome, 'failed', `after ${hops} steps`)
    }
  })
})

describe('trouble with the state', () => {
  test('is told once, and the next write is tried all the same', async () => {
    const begun: OffsetChange[] = []
    const begin = async (change: OffsetChange): Promise<SeenCommit | null> => {
      if (begun.push(change) > 2) return null
      throw new Error('disk I/O error')
    }
    const run = new SampleRun(() => cacheOf({ begin }))
    run.begin()
    await run.commit(0n, 10n)
    await until(() => begun.length > 1)
    await run.keeper.end('complete')
    assert.deepEqual(
      begun.map(({ offsets }) => offsets.map(({ partition, lastOffset }) => [partition, lastOffset])),
      [
        [],
        [
          [0, 9n],
          [1, -1n],
        ],
        [
          [0, 9n],
          [1, -1n],
        ],
      ],
    )
    assert.deepEqual(run.troubles, ['local: disk I/O error'])
  })

  test('of a store that refuses to replace ends the copies, and is told once', async () => {
    let replaces = 0
    const storage = altered(new MemoryBackend('x'), {
      replace: async () => {
        replaces++
        throw new KafkaBackupError('KB_STORAGE_PERMISSION', 'the object is locked')
      },
    })
    const run = new SampleRun(() => cacheOf(), { storage })
    run.begin()
    await until(() => replaces > 0)
    await systemClock.sleep(200)
    await run.keeper.end('complete')
    assert.equal(replaces, 1)
    assert.deepEqual(run.troubles, ['copy: the object is locked'])
  })

  test('of a store that is away for a while says nothing, and the next copy is made', async () => {
    const inner = new MemoryBackend('x')
    let replaces = 0
    const storage = altered(inner, {
      replace: async (key, bytes) => {
        if (replaces++ === 0) throw new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'timeout')
        return inner.replace(key, bytes)
      },
    })
    const run = new SampleRun(() => cacheOf(), { storage })
    run.begin()
    await until(() => replaces > 1)
    await run.keeper.end('complete')
    assert.ok(await inner.stat(offsetStateKey(BACKUP)))
    assert.deepEqual(run.troubles, [])
  })

  test('of a slow store piles up no copies: one is under way at a time', async () => {
    let [underWay, most, made] = [0, 0, 0]
    const storage = altered(new MemoryBackend('x'), {
      replace: async () => {
        most = Math.max(most, ++underWay)
        await systemClock.sleep(150)
        underWay--
        made++
      },
    })
    const run = new SampleRun(() => cacheOf(), { storage })
    run.begin()
    await until(() => made > 1)
    await run.keeper.end('complete')
    assert.deepEqual([most, underWay], [1, 0])
  })

  test('does not keep a run from ending: a disk and a store that hang are left', {
    timeout: 60_000,
  }, async () => {
    const hanging = new Promise<never>(() => undefined)
    const storage = altered(new MemoryBackend('x'), {
      replace: (_key, _bytes, options) =>
        new Promise((_, reject) =>
          options?.signal?.addEventListener('abort', () => reject(options.signal?.reason)),
        ),
    })
    const beganMs = performance.now()
    const runs = [cacheOf({ begin: () => hanging }), cacheOf()].map(async (cache) => {
      const run = new SampleRun(() => cache, { storage, clock: HURRIED })
      run.begin()
      await run.keeper.end('complete')
    })
    await Promise.all(runs)
    // In the time of the test a hundredth of the grace has to pass.
    assert.ok(performance.now() - beganMs < LIMITS.offsetStateGraceMs)
  })

  test('has no part in a store that the run has just given up', async () => {
    let replaces = 0
    const storage = altered(new MemoryBackend('x'), { replace: async () => void replaces++ })
    const run = new SampleRun(() => cacheOf(), { storage })
    run.begin()
    await run.keeper.end('failed', new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'it is away'))
    assert.equal(replaces, 0)
  })
})

describe('a repository that was put back in time', () => {
  /** What a run tells that begins at commit 3, when this was seen. */
  async function told(seen: SeenCommit | null) {
    const storage = new MemoryBackend('x')
    const writer = new SampleRun(() => cacheOf(), { storage })
    for (let at = 0n; at < 3n; at++) await writer.commit(at, at + 1n)
    // The answer comes when the run has already ended.
    const slow = altered(storage, {
      read: async (key, bytesMax) => {
        await systemClock.sleep(100)
        return storage.read(key, bytesMax)
      },
    })
    const run = new SampleRun(() => cacheOf({ begin: async () => seen }), {
      storage: slow,
      state: await openBackup(storage, BACKUP),
    })
    run.begin()
    await run.keeper.end('complete')
    return run.events
  }

  test('is told when the log ends below what was seen, or has something else there', async () => {
    const event = { type: 'log_put_back', seenAtMs: 5n, endCommit: 3n }
    for (const number of [2n, 3n, 9n]) {
      assert.deepEqual(await told({ ...mark(number), seenAtMs: 5n }), [{ ...event, seenCommit: number }])
    }
  })

  test('is not told of a log that only has grown, and proves nothing when the store does not say', async () => {
    assert.deepEqual(await told(null), [])
    const storage = new MemoryBackend('x')
    const writer = new SampleRun(() => cacheOf(), { storage })
    await writer.commit(0n, 1n)
    const seen = { number: 1n, sha256: writer.state.tip?.sha256 ?? '', seenAtMs: 5n }
    await writer.commit(1n, 2n)
    const run = (state: BackupState) =>
      new SampleRun(() => cacheOf({ begin: async () => seen }), { storage, state })
    const grown = run(await openBackup(storage, BACKUP))
    grown.begin()
    await grown.keeper.end('complete')
    assert.deepEqual(grown.events, [])
    const blind = run(await openBackup(storage, BACKUP))
    await storage.delete(commitKey(BACKUP, 1n))
    blind.begin()
    await blind.keeper.end('complete')
    assert.deepEqual(blind.events, [])
  })
})
