import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError, KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { heldBeginOffset } from '../../src/format/pruned-history.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { manifestKey } from '../../src/repository/key-layout.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { planPrune } from '../../src/repository/prune-plan.ts'
import { preparePrune, runPrune } from '../../src/repository/prune-run.ts'
import { releaseRestore } from '../../src/repository/restore-pins.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { plainHistories } from '../format/random-log.ts'
import { altered } from '../verify/altered-backend.ts'
import { BACKUP, dataBatch, draft, ORDERS_0, validate, writeSegment } from '../verify/archive-writer.ts'
import { STORES, withStore } from '../verify/tamperable-store.ts'
import {
  addRun,
  contextOf,
  FIRST_MS,
  NOTHING_ASKED,
  openLedger,
  prune,
  segmentKeys,
  writeRuns,
} from './pruned-archive.ts'

const HOUR_MS = 3_600_000

/** Held from, by partition. */
async function heldFrom(storage: StorageBackend): Promise<bigint[]> {
  const state = await openBackup(storage, BACKUP)
  return state.partitions().map(heldBeginOffset)
}

/** Everything in the archives of these tests is older. */
const OLDER_THAN_ALL = {
  ...NOTHING_ASKED,
  floor: null,
  documentBounds: [],
  isChosen: () => true,
  beforeMs: FIRST_MS * 2n,
}

for (const kind of Object.keys(STORES) as (keyof typeof STORES)[]) {
  test(`what is old goes by a commit, and its objects behind the grace (${kind})`, () =>
    withStore(kind, async ({ backend }) => {
      await writeRuns(backend, 4)
      const all = await segmentKeys(backend)
      const beforeMs = FIRST_MS + 20_000n
      const first = await prune(backend, { beforeMs, graceMs: HOUR_MS })
      // orders/1 begins at offset 100, whose records are newer than all of orders/0.
      assert.equal(first.commit, 5n)
      assert.deepEqual(await heldFrom(backend), [20n, 100n])
      assert.deepEqual(await segmentKeys(backend), all, 'nothing is deleted before the grace has passed')
      assert.deepEqual([first.deleted.length, first.waiting.length], [0, 2])
      const report = await validate(backend)
      assert.deepEqual([report.verdict, report.pruned.objects, report.orphans.objects], ['complete', 2, 0])
      assert.deepEqual(report.findings, [])
      const second = await prune(backend, { beforeMs, graceMs: 0 })
      assert.equal(second.commit, null, 'there is nothing more to prune')
      assert.deepEqual([second.deleted.length, second.waiting.length], [2, 0])
      assert.deepEqual(await segmentKeys(backend), all.slice(2))
      const after = await validate(backend)
      assert.deepEqual([after.verdict, after.pruned.objects, after.records], ['complete', 0, 60])
      assert.deepEqual(after.findings, [])
    }))
}

test('each way to say what goes takes what it says, and never the last segment', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRuns(backend, 5)
    const [bytes = 0] = state.segments.map((segment) => segment.bytes)
    const planned = async (asked: Partial<typeof NOTHING_ASKED>) => {
      const { plan } = await preparePrune(contextOf(backend), { ...NOTHING_ASKED, ...asked })
      return plan.entries.map(({ range }) => `${range.partition}:${range.firstOffset}-${range.endOffset}`)
    }
    assert.deepEqual(await planned({}), [])
    assert.deepEqual(await planned({ beforeMs: FIRST_MS }), [])
    assert.deepEqual(await planned({ beforeMs: FIRST_MS + 9_000n }), [], 'its newest record is not older')
    assert.deepEqual(await planned({ beforeMs: FIRST_MS + 9_001n }), ['0:0-10'])
    assert.deepEqual(await planned({ beforeMs: FIRST_MS * 2n }), ['0:0-40', '1:100-140'])
    assert.deepEqual(await planned({ keepRuns: 5 }), [])
    assert.deepEqual(await planned({ keepRuns: 9 }), [])
    assert.deepEqual(await planned({ keepRuns: 4 }), ['0:0-10', '1:100-110'])
    assert.deepEqual(await planned({ keepRuns: 1 }), ['0:0-40', '1:100-140'])
    assert.deepEqual(await planned({ keepRuns: 2, beforeMs: FIRST_MS * 2n }), ['0:0-30', '1:100-130'])
    assert.deepEqual(await planned({ maxBytes: bytes * 20 }), [])
    assert.deepEqual(await planned({ maxBytes: 0 }), ['0:0-40', '1:100-140'])
    const held = state.segments.reduce((sum, segment) => sum + segment.bytes, 0)
    assert.deepEqual(await planned({ maxBytes: held }), [], 'no more than was asked for')
    assert.deepEqual(await planned({ maxBytes: held - 1 }), ['0:0-10'])
    assert.deepEqual(await planned({ maxBytes: held - 1, choose: () => [] }), [])
  }))

test('records without a time are never old, and one from the future keeps what follows', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRuns(backend, 4)
    const choice = OLDER_THAN_ALL
    const history = state.partition('orders', 0)
    assert.ok(history)
    const at = (number: number, maxTimestampMs: bigint) => {
      const placed = history.parts[number]
      assert.ok(placed)
      history.parts[number] = { ...placed, part: { ...placed.part, maxTimestampMs } }
    }
    at(1, -1n)
    const ends = () => planPrune(state, choice).entries.map(({ range }) => range.endOffset)
    assert.deepEqual(ends(), [10n, 130n])
    at(1, FIRST_MS * 3n)
    assert.deepEqual(ends(), [10n, 130n])
  }))

test('compacted topics are left alone unless somebody says so', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRuns(backend, 2)
    const segment = await writeSegment(backend, {
      streams: [ORDERS_0],
      sequence: 9,
      extents: [{ beginOffset: 20n, holes: [[20n, 25n]] }],
      frames: [{ batches: [dataBatch(25n, 5)] }],
    })
    await appendCommit(backend, state, draft('run-9', 'complete', { segments: [segment] }))
    const choice = OLDER_THAN_ALL
    const plan = planPrune(state, choice)
    assert.deepEqual([plan.entries, plan.compactedTopics], [[], ['orders']])
    assert.equal(planPrune(state, { ...choice, hasCompacted: true }).entries.length, 2)
  }))

test('an open restore keeps what it may still read until it ends or is released', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRuns(backend, 4)
    await openLedger(backend, 4n)
    const asked = { beforeMs: FIRST_MS * 2n }
    const held = await prune(backend, asked)
    assert.deepEqual([held.deleted.length, held.pinned.length], [3, 3], 'its partition, and not the other')
    assert.deepEqual(
      new Set(held.pinned.flatMap(({ object }) => [...object.partitions])),
      new Set(['orders/0']),
    )
    const [first] = held.pinned
    assert.deepEqual([first?.pin.commit, first?.pin.clusterId], [4n, 'dr'])
    // What it does not know is not held by it: the state that it reads is older.
    await addRun(backend, await openBackup(backend, BACKUP), 4)
    assert.equal((await prune(backend, asked)).pinned.length, 4)
    const restoreId = first?.pin.restoreId ?? ''
    const options = { writer: '0badcafe', clock: systemClock }
    const { clusterId, heldSettings } = await releaseRestore(backend, BACKUP, restoreId, options)
    assert.deepEqual([clusterId, heldSettings[0]?.original], ['dr', '1000'])
    await assert.rejects(releaseRestore(backend, BACKUP, restoreId, options), (error) =>
      isKafkaBackupError(error, 'KB_USAGE'),
    )
    const released = await prune(backend, asked)
    assert.deepEqual([released.deleted.length, released.pinned.length], [4, 0])
    assert.equal(state.segments.length, 8)
  }))

test('a restore of what is left after a prune does not hold what the prune freed', () =>
  withStore('memory', async ({ backend }) => {
    await writeRuns(backend, 4)
    await prune(backend, { beforeMs: FIRST_MS * 2n, graceMs: HOUR_MS })
    await openLedger(backend, 5n)
    const report = await prune(backend, { beforeMs: FIRST_MS * 2n })
    assert.deepEqual([report.deleted.length, report.pinned.length], [6, 0])
  }))

test('a run that goes on and a prune do not disturb each other; of two prunes the slower one stops', () =>
  withStore('memory', async ({ backend }) => {
    const runs = await writeRuns(backend, 3)
    const context = contextOf(backend)
    const asked = { ...NOTHING_ASKED, beforeMs: FIRST_MS * 2n }
    const [faster, slower] = [await preparePrune(context, asked), await preparePrune(context, asked)]
    await addRun(backend, runs, 3)
    const report = await runPrune(context, faster)
    assert.equal(report.commit, 5n, 'it made its commit again behind that of the run')
    await addRun(backend, runs, 4)
    assert.equal(runs.tip?.number, 6n, 'so did the run')
    await assert.rejects(runPrune(context, slower), (error) =>
      isKafkaBackupError(error, 'KB_COMMIT_CONFLICT'),
    )
    assert.deepEqual(await heldFrom(backend), [20n, 120n])
    const state = await openBackup(backend, BACKUP, { useSnapshots: false })
    assert.equal(state.runs.length, 5)
    assert.deepEqual(plainHistories(runs), plainHistories(state))
    assert.equal((await validate(backend)).verdict, 'complete')
  }))

test('a store that takes a commit twice gets none from a prune', () =>
  withStore('memory', async ({ backend }) => {
    await writeRuns(backend, 4)
    const forgetful = altered(backend, { put: (key, bytes) => backend.replace(key, bytes) })
    const clock = {
      ...systemClock,
      sleep: async () => new Promise<void>((resolve) => setTimeout(resolve, 5)),
    }
    await assert.rejects(prune(forgetful, { keepRuns: 1 }, { clock }), (error) =>
      isKafkaBackupError(error, 'KB_STORAGE_UNSUPPORTED'),
    )
    assert.deepEqual(await heldFrom(backend), [0n, 100n])
    assert.equal((await segmentKeys(backend)).length, 8)
  }))

test('when an object is deleted, a commit and the manifest have said so', () =>
  withStore('memory', async ({ backend }) => {
    await writeRuns(backend, 4)
    let deletions = 0
    const watched = altered(backend, {
      delete: async (key: string) => {
        const state = await openBackup(backend, BACKUP)
        assert.ok(state.segments.every((segment) => segment.key !== key))
        const manifest = await backend.read(manifestKey(BACKUP), 1_000_000)
        assert.deepEqual(manifest, renderManifest(state))
        deletions++
        await backend.delete(key)
      },
    })
    await prune(watched, { keepRuns: 1 })
    assert.equal(deletions, 6)
  }))

test('what a prune deletes while a backup is validated is no damage; what is lost is', () =>
  withStore('memory', async ({ backend }) => {
    await writeRuns(backend, 4)
    let isPruned = false
    const meanwhile = altered(backend, {
      readRange: async (key, range, options) => {
        if (!isPruned) {
          isPruned = true
          await prune(backend, { keepRuns: 2 })
        }
        return backend.readRange(key, range, options)
      },
    })
    const report = await validate(meanwhile)
    assert.deepEqual([report.verdict, report.findings], ['complete', []])
    assert.ok(isPruned)
    const [lost] = await segmentKeys(backend)
    await backend.delete(`${BACKUP}/${lost}`)
    const damaged = await validate(backend)
    assert.deepEqual(
      [damaged.verdict, damaged.findings.map(({ code }) => code)],
      ['damaged', ['KB_OBJECT_NOT_FOUND']],
    )
  }))

test('a store that refuses a deletion is told of, and the rest is deleted', () =>
  withStore('memory', async ({ backend }) => {
    await writeRuns(backend, 4)
    const locked = (await segmentKeys(backend))[1]
    const guarded = altered(backend, {
      delete: async (key: string) => {
        if (key !== `${BACKUP}/${locked}`) return backend.delete(key)
        throw new KafkaBackupError('KB_STORAGE_PERMISSION', `${key}: locked until 2027`)
      },
    })
    const report = await prune(guarded, { beforeMs: FIRST_MS * 2n })
    assert.deepEqual([report.deleted.length, report.refused.length], [5, 1])
    assert.match(report.refused[0]?.error.message ?? '', /locked until 2027/)
    const again = await prune(backend, { beforeMs: FIRST_MS * 2n })
    assert.deepEqual([again.commit, again.deleted.length], [null, 1])
  }))

test('an account without the right to delete is asked a few times, not for every object', () =>
  withStore('memory', async ({ backend }) => {
    await writeRuns(backend, 40)
    let asked = 0
    const guarded = altered(backend, {
      delete: async () => {
        asked++
        throw new KafkaBackupError('KB_STORAGE_PERMISSION', 'no')
      },
    })
    const report = await prune(guarded, { beforeMs: FIRST_MS * 2n })
    assert.equal(report.refused.length + report.waiting.length, 78)
    assert.ok(asked < 40, `${asked}`)
  }))

test('a clock that is ahead of the store prunes nothing that is reckoned from it', () =>
  withStore('filesystem', async ({ backend }) => {
    await writeRuns(backend, 4)
    const clock = { ...systemClock, nowMs: () => Date.now() + 10 * 60_000 }
    const asked = { beforeMs: FIRST_MS * 2n, isRelative: true }
    await assert.rejects(prune(backend, asked, { clock }), (error) =>
      isKafkaBackupError(error, 'KB_CLOCK_AHEAD'),
    )
    assert.deepEqual(await heldFrom(backend), [0n, 100n])
    const slow = { ...systemClock, nowMs: () => Date.now() - 24 * HOUR_MS }
    const report = await prune(backend, { ...asked, graceMs: HOUR_MS }, { clock: slow })
    assert.deepEqual([report.commit, report.deleted.length], [5n, 0])
  }))

test('the grace is that of the store, however wrong the clock of this machine is', async () => {
  for (const wrongMs of [24 * HOUR_MS, -24 * HOUR_MS]) {
    const clock = { ...systemClock, nowMs: () => Date.now() + wrongMs }
    await withStore('memory', async ({ backend }) => {
      await writeRuns(backend, 4)
      const first = await prune(backend, { beforeMs: FIRST_MS * 2n, graceMs: HOUR_MS }, { clock })
      assert.deepEqual([first.deleted.length, first.waiting.length], [0, 6], `${wrongMs} ms`)
      const second = await prune(backend, { beforeMs: FIRST_MS * 2n, graceMs: 0 }, { clock })
      assert.deepEqual([second.deleted.length, second.waiting.length], [6, 0], `${wrongMs} ms`)
    })
  }
})

test('the objects of one commit are found behind later prunes, and behind a snapshot', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRuns(backend, 3)
    for (let number = 4; number < 99; number++) await appendCommit(backend, state, draft('idle', 'complete'))
    await prune(backend, { beforeMs: FIRST_MS + 9_001n, graceMs: HOUR_MS })
    await prune(backend, { beforeMs: FIRST_MS + 19_001n, graceMs: HOUR_MS })
    const opened = await openBackup(backend, BACKUP)
    assert.deepEqual(opened.prunes, [99n, 100n])
    const keys: string[] = []
    for await (const { key } of backend.list(`${BACKUP}/snapshots/`)) keys.push(key)
    assert.equal(keys.length, 1, 'a prune writes the snapshot that is due')
    const report = await prune(backend, { beforeMs: FIRST_MS })
    assert.deepEqual(
      report.deleted.map(({ commit }) => commit),
      [99n, 100n],
    )
    assert.equal((await validate(backend)).verdict, 'complete')
  }))

test('the grace begins with the commit that frees, however old an object is', () =>
  withStore('memory', async ({ backend }) => {
    await writeRuns(backend, 4)
    const aged = altered(backend, {
      list: async function* (prefix, options) {
        for await (const entry of backend.list(prefix, options))
          yield { ...entry, modifiedMs: entry.modifiedMs - 24 * HOUR_MS }
      },
    })
    const report = await prune(aged, { beforeMs: FIRST_MS * 2n, graceMs: HOUR_MS })
    assert.deepEqual([report.deleted.length, report.waiting.length], [0, 6])
  }))

test('runs that were not complete are not counted among those that are kept', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRuns(backend, 3)
    for (const run of ['stopped-1', 'stopped-2'])
      await appendCommit(backend, state, draft(run, 'interrupted'))
    const { plan } = await preparePrune(contextOf(backend), { ...NOTHING_ASKED, keepRuns: 2 })
    assert.deepEqual(
      plan.entries.map(({ range }) => range.endOffset),
      [10n, 110n],
    )
  }))

test('what a run added before another one that ran beside it is kept with the rest of it', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRuns(backend, 2)
    await addRun(backend, state, 2, { id: 'long', outcome: 'running' })
    await appendCommit(backend, state, draft('beside', 'interrupted'))
    await addRun(backend, state, 3, { id: 'long', outcome: 'complete' })
    const { plan } = await preparePrune(contextOf(backend), { ...NOTHING_ASKED, keepRuns: 1 })
    assert.deepEqual(
      plan.entries.map(({ range }) => range.endOffset),
      [20n, 120n],
    )
  }))

test('while fewer runs were complete than are kept nothing goes, nor what a run added that was not', () =>
  withStore('memory', async ({ backend }) => {
    const state = new BackupState(BACKUP)
    await addRun(backend, state, 0, { id: 'broken off', outcome: 'interrupted' })
    await addRun(backend, state, 1)
    const { plan } = await preparePrune(contextOf(backend), { ...NOTHING_ASKED, keepRuns: 2 })
    assert.deepEqual(plan.entries, [])
  }))
