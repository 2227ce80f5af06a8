import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError, KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { sha256Hex } from '../../src/format/canonical-json.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import type { RemovalContext } from '../../src/repository/append-removal.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { artifactKey, commitKey, manifestKey, snapshotKey } from '../../src/repository/key-layout.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { encodeSnapshotObject } from '../../src/repository/snapshot-object.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { prepareRepair } from '../../src/verify/repair-plan.ts'
import { type RepairOptions, runRepair } from '../../src/verify/repair-run.ts'
import { addRun, contextOf, FIRST_MS, prune, writeRuns } from '../repository/pruned-archive.ts'
import { altered } from './altered-backend.ts'
import { BACKUP, dataBatch, draft, ORDERS_0, validate, WRITER, writeSegment } from './archive-writer.ts'
import { STORES, type TamperableStore, withStore } from './tamperable-store.ts'

const HOUR_MS = 3_600_000
const MANIFEST = manifestKey(BACKUP)

async function repair(
  storage: StorageBackend,
  options: Partial<RepairOptions> = {},
  changes: Partial<RemovalContext> = {},
) {
  const context = contextOf(storage, changes)
  const prepared = await prepareRepair(context)
  return runRepair(context, prepared, { isRemovingOrphans: false, graceMs: HOUR_MS, ...options })
}

/** Everything that lies there, by key. */
async function contentOf(store: TamperableStore): Promise<Map<string, string>> {
  const content = new Map<string, string>()
  for await (const { key } of store.backend.list(`${BACKUP}/`)) {
    content.set(key, (await store.read(key)).toString('hex'))
  }
  return content
}

/** A segment that continues orders/0, as a run leaves it that dies before its commit. */
function writeOrphan(storage: StorageBackend, beginOffset: bigint) {
  return writeSegment(storage, {
    streams: [ORDERS_0],
    sequence: 99,
    writer: 'dead0000',
    extents: [{ beginOffset, holes: [] }],
    frames: [{ batches: [dataBatch(beginOffset, 10)] }],
  })
}

for (const kind of Object.keys(STORES) as (keyof typeof STORES)[]) {
  test(`what is derived from the commits is written again, and nothing else is touched (${kind})`, () =>
    withStore(kind, async (store) => {
      const state = await writeRuns(store.backend, 3)
      await store.backend.put(snapshotKey(BACKUP, 3n), await encodeSnapshotObject(state))
      const whole = await contentOf(store)
      const untouched = await repair(store.backend)
      assert.deepEqual(
        [untouched.hasManifest, untouched.snapshots, untouched.plan.manifest, untouched.plan.lost],
        [false, [], null, []],
      )
      const flaws: [string, 'missing' | 'damaged' | 'behind', () => Promise<void>][] = [
        ['missing', 'missing', () => store.remove(MANIFEST)],
        ['damaged', 'damaged', () => store.write(MANIFEST, Buffer.from('{"commit": 3}'))],
        [
          'behind',
          'behind',
          async () =>
            store.write(
              MANIFEST,
              renderManifest(await openBackup(store.backend, BACKUP, { asOfCommit: 2n })),
            ),
        ],
      ]
      for (const [what, flaw, plant] of flaws) {
        await plant()
        const report = await repair(store.backend)
        assert.deepEqual([report.plan.manifest, report.hasManifest], [flaw, true], what)
        assert.deepEqual(await contentOf(store), whole, what)
      }
      const snapshot = await store.read(snapshotKey(BACKUP, 3n))
      snapshot[20]! ^= 1
      await store.write(snapshotKey(BACKUP, 3n), snapshot)
      assert.deepEqual((await repair(store.backend)).snapshots, [3n])
      assert.deepEqual(await contentOf(store), whole)
      assert.equal((await validate(store.backend)).verdict, 'complete')
    }))
}

test('the newest snapshot that is due and missing is written', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRuns(backend, 1)
    for (let number = 2; number <= 205; number++)
      await appendCommit(backend, state, draft('idle', 'complete'))
    await backend.replace(MANIFEST, renderManifest(state))
    assert.deepEqual((await repair(backend)).snapshots, [200n])
    assert.deepEqual((await repair(backend)).snapshots, [])
    assert.equal((await validate(backend)).verdict, 'complete')
  }))

test('of a lost commit it is told what it concerns and what is left; no commit is written', () =>
  withStore('memory', async (store) => {
    await writeRuns(store.backend, 5)
    await store.remove(commitKey(BACKUP, 3n))
    const before = await contentOf(store)
    const { plan } = await repair(store.backend)
    assert.equal(plan.lost.length, 1)
    const [lost] = plan.lost
    assert.deepEqual([lost?.finding.key, lost?.restorableCommit], [commitKey(BACKUP, 3n), 2n])
    assert.deepEqual(lost?.finding.partitions, [
      { topic: 'orders', partition: 0, firstOffset: 20n, lastOffset: 29n },
      { topic: 'orders', partition: 1, firstOffset: 120n, lastOffset: 129n },
    ])
    assert.deepEqual([plan.isBridged, plan.commit], [false, null])
    assert.deepEqual(await contentOf(store), before)
    assert.equal((await openBackup(store.backend, BACKUP, { asOfCommit: 2n })).nextNumber, 3n)
  }))

test('a snapshot that stands in for a lost commit keeps the newest state whole', () =>
  withStore('memory', async (store) => {
    const state = await writeRuns(store.backend, 4)
    await store.backend.put(snapshotKey(BACKUP, 4n), await encodeSnapshotObject(state))
    await addRun(store.backend, state, 4)
    await store.remove(commitKey(BACKUP, 2n))
    await store.remove(MANIFEST)
    const report = await repair(store.backend)
    assert.deepEqual([report.plan.isBridged, report.plan.commit, report.hasManifest], [true, 5n, true])
    assert.deepEqual(await store.read(MANIFEST), renderManifest(state))
    assert.equal(report.plan.lost[0]?.restorableCommit, 1n)
    assert.equal(report.plan.canRemoveOrphans, false)
  }))

test('a last commit that named documents only is missed when it is lost, and they are no orphans', () =>
  withStore('memory', async (store) => {
    const state = await writeRuns(store.backend, 3)
    const key = artifactKey(BACKUP, { kind: 'groups', number: 4n, writer: WRITER, isCompressed: false })
    const bytes = Buffer.from('what groups have committed')
    await store.write(key, bytes)
    const groups = { kind: 'groups', key, bytes: bytes.length, sha256: sha256Hex(bytes) } as const
    await appendCommit(store.backend, state, draft('run-4', 'complete', { artifacts: [groups] }))
    await store.backend.replace(MANIFEST, renderManifest(state))
    await store.remove(commitKey(BACKUP, 4n))
    const before = await contentOf(store)
    const { plan } = await repair(store.backend)
    assert.deepEqual(
      plan.lost.map(({ finding, restorableCommit }) => [finding.key, restorableCommit]),
      [[commitKey(BACKUP, 4n), 3n]],
    )
    assert.deepEqual([plan.manifest, plan.orphans, plan.canRemoveOrphans], [null, [], false])
    assert.deepEqual(await contentOf(store), before)
    const report = await validate(store.backend)
    assert.deepEqual([report.verdict, report.orphans.mayBeOfLostCommits], ['damaged', true])
  }))

test('a manifest that is ahead of the log stays: it is all that tells of the commit that was lost', () =>
  withStore('memory', async (store) => {
    await writeRuns(store.backend, 4)
    await store.remove(commitKey(BACKUP, 4n))
    const before = await contentOf(store)
    const report = await repair(store.backend)
    assert.deepEqual(
      report.plan.lost.map(({ finding, restorableCommit }) => [finding.key, restorableCommit]),
      [[commitKey(BACKUP, 4n), 3n]],
    )
    assert.deepEqual([report.hasManifest, report.plan.manifest, report.plan.orphans.length], [false, null, 0])
    assert.deepEqual(await contentOf(store), before)
    await assert.rejects(repair(store.backend, { isRemovingOrphans: true, graceMs: 0 }), (error) =>
      isKafkaBackupError(error, 'KB_COMMIT_CORRUPT'),
    )
    assert.deepEqual(await contentOf(store), before, 'what the lost commit named is no orphan')
  }))

test('an orphan goes when it is old, by a commit, and its writer notices if it wakes up', () =>
  withStore('memory', async (store) => {
    const sleeping = await writeRuns(store.backend, 2)
    const segment = await writeOrphan(store.backend, 20n)
    const young = await repair(store.backend, { isRemovingOrphans: true })
    assert.deepEqual(
      [young.commit, young.young.length, young.plan.orphans.map(({ key }) => key)],
      [null, 1, [segment.key]],
    )
    const listed = await repair(store.backend, { graceMs: 0 })
    assert.deepEqual([listed.commit, listed.removed], [null, []], 'they are only listed')
    const report = await repair(store.backend, { isRemovingOrphans: true, graceMs: 0 })
    assert.deepEqual([report.commit, report.removed.map(({ key }) => key)], [3n, [segment.key]])
    await assert.rejects(
      appendCommit(store.backend, sleeping, draft('asleep', 'complete', { segments: [segment] })),
      (error) => isKafkaBackupError(error, 'KB_COMMIT_CONFLICT'),
    )
    const after = await validate(store.backend)
    assert.deepEqual([after.verdict, after.commits, after.findings], ['complete', 3, []])
    const again = await repair(store.backend, { isRemovingOrphans: true, graceMs: 0 })
    assert.deepEqual([again.commit, again.plan.orphans], [null, []])
  }))

test('the age of an orphan is that of the store, however wrong the clock of this machine is', async () => {
  for (const wrongMs of [24 * HOUR_MS, -24 * HOUR_MS]) {
    const clock = { ...systemClock, nowMs: () => Date.now() + wrongMs }
    await withStore('memory', async ({ backend }) => {
      await writeRuns(backend, 2)
      await writeOrphan(backend, 20n)
      const young = await repair(backend, { isRemovingOrphans: true }, { clock })
      assert.deepEqual([young.commit, young.young.length], [null, 1], `${wrongMs} ms`)
      const old = await repair(backend, { isRemovingOrphans: true, graceMs: 0 }, { clock })
      assert.deepEqual([old.removed.length, old.young.length], [1, 0], `${wrongMs} ms`)
    })
  }
})

test('an orphan that its run names meanwhile is not removed', () =>
  withStore('memory', async (store) => {
    const run = await writeRuns(store.backend, 2)
    const segment = await writeOrphan(store.backend, 20n)
    const context = contextOf(store.backend)
    const prepared = await prepareRepair(context)
    await appendCommit(store.backend, run, draft('alive', 'complete', { segments: [segment] }))
    await assert.rejects(runRepair(context, prepared, { isRemovingOrphans: true, graceMs: 0 }), (error) =>
      isKafkaBackupError(error, 'KB_COMMIT_CONFLICT'),
    )
    assert.equal((await validate(store.backend)).verdict, 'complete')
  }))

test('a removal that is cut short is finished by a prune; a refusal is told', () =>
  withStore('memory', async (store) => {
    await writeRuns(store.backend, 2)
    await writeOrphan(store.backend, 20n)
    const guarded = altered(store.backend, {
      delete: async () => {
        throw new KafkaBackupError('KB_STORAGE_PERMISSION', 'no right to delete')
      },
    })
    const refused = await repair(guarded, { isRemovingOrphans: true, graceMs: 0 })
    assert.deepEqual([refused.commit, refused.refused[0]?.error.exitCode], [3n, 8])
    const waiting = await validate(store.backend)
    assert.deepEqual([waiting.pruned.objects, waiting.orphans.objects, waiting.verdict], [1, 0, 'complete'])
    assert.equal((await prune(store.backend, {})).deleted.length, 1)
  }))

test('a lost commit of what was pruned since leaves the rest readable, and prunes behind it are no damage', () =>
  withStore('memory', async (store) => {
    await writeRuns(store.backend, 5)
    await prune(store.backend, { beforeMs: FIRST_MS * 2n, keepRuns: 2 })
    await store.remove(commitKey(BACKUP, 2n))
    const damage = (await validate(store.backend)).findings.filter(({ severity }) => severity === 'damage')
    assert.deepEqual(
      damage.map(({ key }) => key),
      [commitKey(BACKUP, 2n)],
    )
    assert.equal((await repair(store.backend)).plan.lost[0]?.restorableCommit, 1n)
  }))
