import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prepareCompact, runCompact } from '../../src/compact/compact-run.ts'
import { isKafkaBackupError, KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/format/snapshot.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { commitKey } from '../../src/repository/key-layout.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { preparePrune, runPrune } from '../../src/repository/prune-run.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import {
  NOTHING_ASKED,
  openLedger,
  prune,
  contextOf as pruneContextOf,
  writeRuns,
} from '../repository/pruned-archive.ts'
import { altered } from '../verify/altered-backend.ts'
import {
  AUDIT_0,
  BACKUP,
  dataBatch,
  draft,
  ORDERS_0,
  validate,
  writeSegment,
} from '../verify/archive-writer.ts'
import { STORES, withStore } from '../verify/tamperable-store.ts'
import { addRound, compact, contentOf, contextOf, EVERYTHING, writeRounds } from './compacted-archive.ts'

const HOUR_MS = 3_600_000

for (const kind of Object.keys(STORES) as (keyof typeof STORES)[]) {
  test(`bundles and small segments become one segment of each partition, with the same batches (${kind})`, () =>
    withStore(kind, async ({ backend }) => {
      await writeRounds(backend, 6)
      const before = await contentOf(backend)
      const report = await compact(backend)
      assert.deepEqual(
        [report.objectsIn, report.objectsOut, report.plan.objectsOut, report.plan.bundlesIn, report.commits],
        [8, 3, 3, 6, [9n]],
      )
      assert.deepEqual([report.deleted.length, report.waiting.length, report.damaged], [0, 8, []])
      assert.deepEqual(await contentOf(backend), before)
      assert.deepEqual(
        await contentOf(backend, 8n),
        before,
        'the state before it can be read within the grace',
      )
      const state = await openBackup(backend, BACKUP, { useSnapshots: false })
      assert.deepEqual(
        state.partitions().map(({ parts }) => parts.length),
        [1, 1, 1],
      )
      assert.ok(
        state.segments.every(({ parts }) => parts.every(({ minTimestampMs }) => minTimestampMs !== null)),
        'what was not known of compressed batches is known now',
      )
      assert.deepEqual(encodeSnapshot(decodeSnapshot(encodeSnapshot(state))), encodeSnapshot(state))
      const validation = await validate(backend)
      assert.deepEqual(
        [validation.verdict, validation.findings, validation.pruned.objects],
        ['complete', [], 8],
      )
      const again = await compact(backend, { graceMs: 0 })
      assert.deepEqual([again.commits, again.plan.units, again.deleted.length], [[], [], 8])
      assert.deepEqual(await contentOf(backend), before)
      assert.deepEqual((await validate(backend)).findings, [])
    }))
}

test('the grace is that of the store, however wrong the clock of this machine is', async () => {
  for (const wrongMs of [24 * HOUR_MS, -24 * HOUR_MS]) {
    const clock = { ...systemClock, nowMs: () => Date.now() + wrongMs }
    await withStore('memory', async ({ backend }) => {
      await writeRounds(backend, 6)
      const first = await compact(backend, { graceMs: HOUR_MS }, { clock })
      assert.deepEqual([first.deleted.length, first.waiting.length], [0, 8], `${wrongMs} ms`)
      const second = await compact(backend, { graceMs: 0 }, { clock })
      assert.deepEqual([second.deleted.length, second.waiting.length], [8, 0], `${wrongMs} ms`)
    })
  }
})

test('a run that goes on and a compaction do not disturb each other', () =>
  withStore('memory', async ({ backend }) => {
    const run = await writeRounds(backend, 3)
    const context = contextOf(backend)
    const [faster, slower] = [
      await prepareCompact(context, EVERYTHING),
      await prepareCompact(context, EVERYTHING),
    ]
    await addRound(backend, run, 3)
    assert.deepEqual((await runCompact(context, faster)).commits, [6n], 'behind the commit of the run')
    await addRound(backend, run, 4)
    assert.equal(run.tip?.number, 7n, 'so did the run')
    const before = await contentOf(backend)
    await assert.rejects(runCompact(context, slower), (error) =>
      isKafkaBackupError(error, 'KB_COMMIT_CONFLICT'),
    )
    assert.deepEqual(await contentOf(backend), before)
    assert.deepEqual(
      run.partitions(),
      (await openBackup(backend, BACKUP, { useSnapshots: false })).partitions(),
    )
    assert.equal((await validate(backend)).verdict, 'incomplete', 'the run is under way')
  }))

test('of a prune and a compaction of the same segments the slower one stops', () =>
  withStore('memory', async ({ backend }) => {
    await writeRuns(backend, 4)
    const [compaction, pruning] = [contextOf(backend), pruneContextOf(backend)]
    const slowCompact = await prepareCompact(compaction, EVERYTHING)
    const slowPrune = await preparePrune(pruning, { ...NOTHING_ASKED, keepRuns: 2 })
    assert.ok((await prune(backend, { keepRuns: 3, graceMs: HOUR_MS })).commit !== null)
    const isConflict = (error: unknown) => isKafkaBackupError(error, 'KB_COMMIT_CONFLICT')
    await assert.rejects(runCompact(compaction, slowCompact), isConflict, 'at its commit')
    await prune(backend, {})
    await assert.rejects(runCompact(compaction, slowCompact), isConflict, 'at what is deleted')
    assert.equal((await compact(backend)).commits.length, 1)
    await assert.rejects(runPrune(pruning, slowPrune), isConflict)
    assert.deepEqual((await validate(backend)).verdict, 'complete')
  }))

test('what is compacted can be pruned, also when it was in bundles', () =>
  withStore('memory', async ({ backend }) => {
    await writeRounds(backend, 2)
    const asked = { beforeMs: 1_700_000_000_000n * 2n }
    assert.equal((await prune(backend, asked)).commit, null)
    const larger = await compact(backend)
    assert.deepEqual([larger.objectsIn, larger.objectsOut], [2, 1], 'three segments would be more')
    assert.equal((await prune(backend, asked)).commit, null)
    assert.deepEqual((await compact(backend)).commits, [])
    assert.equal((await compact(backend, { isUnbundling: true })).objectsOut, 3)
    await addRound(backend, await openBackup(backend, BACKUP), 2)
    assert.ok((await prune(backend, asked)).commit !== null)
    assert.deepEqual((await validate(backend)).findings, [])
  }))

test('damage of what is there is found, and everything stays as it was', () =>
  withStore('memory', async ({ backend, read, write, remove }) => {
    const state = await writeRounds(backend, 6)
    const key = state.segments[3]?.key ?? ''
    const sound = await read(key)
    const damaged = Buffer.from(sound)
    const frame = state.segments[3]?.index.position ?? 0
    damaged.writeUInt8(damaged.readUInt8(frame - 20) ^ 1, frame - 20)
    await write(key, damaged)
    const report = await compact(backend, { graceMs: 0 })
    assert.deepEqual([report.commits, report.objectsOut, report.deleted], [[], 0, []])
    assert.deepEqual(
      report.damaged.map(({ error, objects }) => [error.code, error.context.key, objects]),
      [['KB_SEGMENT_CORRUPT', key, 8]],
    )
    await remove(key)
    assert.deepEqual(
      (await compact(backend)).damaged.map(({ error }) => error.code),
      ['KB_SEGMENT_CORRUPT'],
    )
    await write(key, sound)
    assert.equal((await compact(backend)).objectsOut, 3)
  }))

test('a batch whose checksum is wrong is found, although all digests are right', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRounds(backend, 6)
    const begin = state.partition('orders', 0)?.nextOffset ?? 0n
    const batch = dataBatch(begin, 10)
    batch.writeUInt8(batch.readUInt8(batch.length - 3) ^ 1, batch.length - 3)
    const segment = await writeSegment(backend, {
      streams: [ORDERS_0],
      sequence: 99,
      extents: [{ beginOffset: begin, holes: [] }],
      frames: [{ batches: [batch] }],
    })
    await appendCommit(backend, state, draft('forger', 'complete', { segments: [segment] }))
    const report = await compact(backend)
    assert.deepEqual(
      [report.commits, report.damaged.map(({ error }) => [error.code, error.context.key])],
      [[], [['KB_BATCH_CORRUPT', segment.key]]],
    )
  }))

test('an index that says something else than its batches is found', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRounds(backend, 6)
    const begin = state.partition('orders', 0)?.nextOffset ?? 0n
    const segment = await writeSegment(backend, {
      streams: [ORDERS_0],
      sequence: 99,
      extents: [{ beginOffset: begin, holes: [] }],
      frames: [{ batches: [dataBatch(begin, 10)], falsify: (entry) => ({ ...entry, records: 9 }) }],
    })
    await appendCommit(backend, state, draft('forger', 'complete', { segments: [segment] }))
    const { commits, damaged } = await compact(backend)
    assert.deepEqual(
      [commits, damaged.map(({ error }) => [error.code, error.context.key])],
      [[], [['KB_SEGMENT_CORRUPT', segment.key]]],
    )
  }))

test('a commit that is lost before a compaction is reported as lost, and nothing else is', () =>
  withStore('memory', async ({ backend, remove }) => {
    await writeRounds(backend, 6)
    await compact(backend)
    const lost = commitKey(BACKUP, 3n)
    await remove(lost)
    const report = await validate(backend)
    assert.equal(report.verdict, 'damaged')
    assert.deepEqual(
      report.findings.filter(({ severity }) => severity === 'damage').map(({ key }) => key),
      [lost],
    )
  }))

test('a restore under way keeps what it reads, also in bundles', () =>
  withStore('memory', async ({ backend }) => {
    const run = await writeRounds(backend, 6)
    const audit = await writeSegment(backend, {
      streams: [AUDIT_0],
      sequence: 99,
      extents: [{ beginOffset: run.partition('audit', 0)?.nextOffset ?? 0n, holes: [] }],
      frames: [{ batches: [dataBatch(run.partition('audit', 0)?.nextOffset ?? 0n, 10)] }],
    })
    await appendCommit(backend, run, draft('run', 'complete', { segments: [audit] }))
    const before = await contentOf(backend, 8n)
    await openLedger(backend, 9n)
    const report = await compact(backend, { graceMs: 0 })
    assert.deepEqual(
      report.deleted.map(({ key }) => key),
      [audit.key],
      'of its own partition it keeps segments, and all bundles',
    )
    assert.equal(report.pinned.length, 8)
    assert.deepEqual(await contentOf(backend, 8n), before)
  }))

/** A store whose client dies at its operation number `at` that writes, before or after it was done. */
function dying(inner: StorageBackend, at: number, isDone: boolean) {
  let count = 0
  const died = () => new KafkaBackupError('KB_STORAGE_UNAVAILABLE', 'the client has died')
  const step = async <T>(operation: () => Promise<T>): Promise<T> => {
    if (++count > at || (count === at && !isDone)) throw died()
    const result = await operation()
    if (count === at) throw died()
    return result
  }
  const store = altered(inner, {
    put: (...given) => step(() => inner.put(...given)),
    replace: (...given) => step(() => inner.replace(...given)),
    delete: (...given) => step(() => inner.delete(...given)),
    openWrite: async (...given) => {
      const writer = await inner.openWrite(...given)
      return {
        write: (chunks) => writer.write(chunks),
        abort: () => writer.abort(),
        commit: () => step(() => writer.commit()),
      }
    },
  })
  return { store, hasDied: () => count >= at }
}

test('wherever it dies, the backup is as before or as after, and the next compaction goes on', async () => {
  let points = 0
  for (let isOver = false; !isOver; points++) {
    for (const isDone of [false, true]) {
      await withStore('memory', async ({ backend }) => {
        await writeRounds(backend, 6)
        const before = await contentOf(backend)
        const { store, hasDied } = dying(backend, points + 1, isDone)
        await compact(store, { graceMs: 0 }).catch((error) => {
          assert.ok(isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE'), String(error))
        })
        isOver = !hasDied()
        assert.deepEqual(await contentOf(backend), before)
        const damage = (await validate(backend)).findings.filter(({ severity }) => severity !== 'note')
        assert.deepEqual(damage, [], `operation ${points + 1}`)
        await compact(backend, { graceMs: 0 })
        assert.deepEqual(await contentOf(backend), before)
        const { segments } = await openBackup(backend, BACKUP)
        assert.equal(segments.length, 3)
        const after = await validate(backend)
        assert.deepEqual([after.verdict, after.pruned.objects], ['complete', 0])
      })
    }
  }
  // Three segments, a probe for exclusive creation or not, commit, manifest, eight deletions.
  assert.ok(points > 12, `${points} operations`)
})
