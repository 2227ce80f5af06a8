import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import type { ArtifactRecord } from '../../src/format/commit.ts'
import { encodeGroups } from '../../src/format/groups-document.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { latestArtifact, writeArtifact } from '../../src/repository/artifacts.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { latestGroups } from '../../src/repository/group-artifacts.ts'
import { manifestKey } from '../../src/repository/key-layout.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { type PruneRequest, preparePrune, runPrune } from '../../src/repository/prune-run.ts'
import { findUnnamed } from '../../src/repository/waiting-objects.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { randomGroups } from '../format/random-groups.ts'
import { prng } from '../protocol/prng.ts'
import { altered } from '../verify/altered-backend.ts'
import { BACKUP, draft, ORDERS_TOPIC, validate } from '../verify/archive-writer.ts'
import { withStore } from '../verify/tamperable-store.ts'
import { contextOf, FIRST_MS, NOTHING_ASKED, openLedger, prune } from './pruned-archive.ts'

const HOUR_MS = 3_600_000
const GROUPS = 40

/** When commit `number` was made. */
const madeAt = (number: number) => FIRST_MS + BigInt(number * HOUR_MS)

async function writeGroups(storage: StorageBackend, state: BackupState, number: number) {
  const groups = randomGroups(prng(number), GROUPS)
  const bytes = encodeGroups({ ...groups, backupId: BACKUP, writer: '9f2c11ab' })
  return writeArtifact(storage, state, { kind: 'groups', writer: '9f2c11ab', bytes })
}

/** One more complete run, with a document of groups and, where `kinds` says so, others. */
async function addDocuments(
  storage: StorageBackend,
  state: BackupState,
  kinds: readonly string[] = [],
): Promise<void> {
  const number = Number(state.nextNumber)
  const artifacts: ArtifactRecord[] = [await writeGroups(storage, state, number)]
  for (const kind of kinds) {
    const bytes = Buffer.from(`{"${kind}":${number}}\n`)
    artifacts.push(await writeArtifact(storage, state, { kind, writer: '9f2c11ab', bytes }))
  }
  const topics = number === 1 ? [ORDERS_TOPIC] : []
  const content = { topics, artifacts, createdAtMs: madeAt(number) }
  await appendCommit(storage, state, draft(`run-${number}`, 'complete', content))
  await storage.replace(manifestKey(BACKUP), renderManifest(state))
}

/** Six runs an hour apart, each with groups; topics with the first and fourth, a cluster with the first alone. */
async function writeDocuments(storage: StorageBackend): Promise<BackupState> {
  const state = new BackupState(BACKUP)
  for (const kinds of [['topics', 'cluster'], [], [], ['topics'], [], []])
    await addDocuments(storage, state, kinds)
  return state
}

/** `groups 2`: kind and the commit that names it, of what a request would take. */
async function planned(storage: StorageBackend, asked: Partial<PruneRequest>): Promise<string[]> {
  const { plan } = await preparePrune(contextOf(storage), { ...NOTHING_ASKED, ...asked })
  return plan.documents.map(nameOf)
}

function nameOf({ kind, key }: Pick<ArtifactRecord, 'kind' | 'key'>): string {
  return `${kind} ${Number(key.match(/(\d{20})-/)?.[1])}`
}

test('documents go that were superseded by then, and the newest of each kind stays', () =>
  withStore('memory', async ({ backend }) => {
    await writeDocuments(backend)
    const ask = (asked: Partial<PruneRequest>) => planned(backend, asked)
    assert.deepEqual(await ask({}), [])
    assert.deepEqual(await ask({ beforeMs: madeAt(1) - 1n }), [], 'a time before the backup')
    assert.deepEqual(await ask({ beforeMs: madeAt(1) }), [])
    assert.deepEqual(await ask({ beforeMs: madeAt(2) - 1n }), [])
    assert.deepEqual(await ask({ beforeMs: madeAt(2) }), ['groups 1'])
    assert.deepEqual(await ask({ beforeMs: madeAt(4) }), ['groups 1', 'topics 1', 'groups 2', 'groups 3'])
    const most = ['groups 1', 'topics 1', 'groups 2', 'groups 3', 'groups 4', 'groups 5']
    assert.deepEqual(await ask({ beforeMs: madeAt(99) }), most)
    assert.deepEqual(await ask({ keepRuns: 0 }), [])
    assert.deepEqual(await ask({ keepRuns: 3 }), ['groups 1', 'groups 2'])
    assert.deepEqual(await ask({ keepRuns: 9 }), [])
    assert.deepEqual(await ask({ beforeMs: madeAt(99), keepRuns: 3 }), ['groups 1', 'groups 2'])
    assert.deepEqual(await ask({ beforeMs: madeAt(2), keepRuns: 1 }), ['groups 1'])
    assert.deepEqual(await ask({ maxBytes: 0 }), [], 'they are no records')
    assert.deepEqual(await ask({ maxBytes: 0, keepRuns: 3 }), [], 'what protects takes nothing')
    assert.deepEqual(await ask({ maxBytes: 0, beforeMs: madeAt(2) }), ['groups 1'])
    assert.deepEqual(await ask({ beforeMs: madeAt(99), choose: () => [] }), [], 'not of all topics')
  }))

test('every moment from the time on has the documents that it had', () =>
  withStore('memory', async ({ backend }) => {
    await writeDocuments(backend)
    const known = async (number: bigint) => {
      const state = await openBackup(backend, BACKUP, { asOfCommit: number, useSnapshots: false })
      return ['groups', 'topics', 'cluster'].map((kind) => latestArtifact(state, kind)?.key)
    }
    const before = await Promise.all([3n, 4n, 5n, 6n].map(known))
    const report = await prune(backend, { beforeMs: madeAt(4) - 1n })
    assert.deepEqual([report.commit, report.deleted.length], [7n, 2])
    assert.deepEqual(await Promise.all([3n, 4n, 5n, 6n].map(known)), before)
    for (const key of new Set(before.flat())) assert.ok(key && (await backend.stat(key)), key)
  }))

test('documents go by a commit, and their objects behind the grace', () =>
  withStore('filesystem', async ({ backend }) => {
    await writeDocuments(backend)
    const first = await prune(backend, { beforeMs: madeAt(3), graceMs: HOUR_MS })
    assert.deepEqual([first.plan.segments, first.plan.documents.length], [0, 2])
    assert.deepEqual([first.commit, first.deleted.length, first.waiting.length], [7n, 0, 2])
    const asOf = await openBackup(backend, BACKUP, { asOfCommit: 2n })
    assert.equal((await latestGroups(backend, asOf))?.groups.length, GROUPS, 'until they are deleted')
    const waiting = await validate(backend)
    assert.deepEqual([waiting.verdict, waiting.findings, waiting.pruned.objects], ['complete', [], 2])
    const { orphans } = await findUnnamed(
      backend,
      await openBackup(backend, BACKUP),
      contextOf(backend).signal,
    )
    assert.deepEqual(orphans, [])
    const second = await prune(backend, {})
    assert.deepEqual([second.commit, second.deleted.length], [null, 2])
    const after = await validate(backend)
    assert.deepEqual([after.verdict, after.findings, after.pruned.objects], ['complete', [], 0])
    await assert.rejects(latestGroups(backend, asOf), (error) => {
      assert.ok(isKafkaBackupError(error, 'KB_PRUNED'))
      assert.match(
        error.message,
        /document of groups as of commit 2 was pruned.*commit 7; the oldest that is left was written for commit 3$/,
      )
      return true
    })
    assert.equal((await latestGroups(backend, await openBackup(backend, BACKUP)))?.groups.length, GROUPS)
  }))

test('what is damaged or lost of the documents that are left is found, and not called pruned', () =>
  withStore('memory', async ({ backend }) => {
    await writeDocuments(backend)
    await prune(backend, { beforeMs: madeAt(3) })
    const state = await openBackup(backend, BACKUP)
    const [third, fourth] = state.artifacts.filter(({ kind }) => kind === 'groups')
    assert.ok(third && fourth)
    await backend.replace(third.key, Buffer.from('damaged'))
    await backend.delete(fourth.key)
    const { findings } = await validate(backend)
    assert.deepEqual(
      findings.map(({ key, code }) => [key, code]),
      [
        [third.key, 'KB_VALIDATION_FAILED'],
        [fourth.key, 'KB_OBJECT_NOT_FOUND'],
      ],
    )
    const asOf = await openBackup(backend, BACKUP, { asOfCommit: 4n })
    await assert.rejects(latestGroups(backend, asOf), { code: 'KB_OBJECT_NOT_FOUND' })
  }))

test('an open restore keeps the documents that its commit knows, and none that is younger', () =>
  withStore('memory', async ({ backend }) => {
    await writeDocuments(backend)
    await openLedger(backend, 3n)
    const report = await prune(backend, { beforeMs: madeAt(99) })
    const pinned = report.pinned.map(({ object }) => nameOf({ kind: '', key: object.key }))
    assert.deepEqual(pinned.sort(), [' 1', ' 1', ' 2', ' 3'])
    assert.equal(report.deleted.length, 2)
    const asOf = await openBackup(backend, BACKUP, { asOfCommit: 3n })
    assert.equal((await latestGroups(backend, asOf))?.groups.length, GROUPS)
  }))

test('of two prunes of the same documents the slower one stops, and a run goes on', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeDocuments(backend)
    const context = contextOf(backend)
    const asked = { ...NOTHING_ASKED, beforeMs: madeAt(3) }
    const [faster, slower] = [await preparePrune(context, asked), await preparePrune(context, asked)]
    await addDocuments(backend, state)
    assert.equal((await runPrune(context, faster)).commit, 8n, 'behind that of the run')
    await addDocuments(backend, state)
    assert.equal(state.tip?.number, 9n)
    await assert.rejects(runPrune(context, slower), { code: 'KB_COMMIT_CONFLICT' })
    assert.deepEqual(state.artifacts, (await openBackup(backend, BACKUP, { useSnapshots: false })).artifacts)
    assert.equal((await validate(backend)).verdict, 'complete')
  }))

test('what is deleted while a backup is validated is no damage', () =>
  withStore('memory', async ({ backend }) => {
    await writeDocuments(backend)
    let isPruned = false
    const meanwhile = altered(backend, {
      read: async (key, maxBytes, options) => {
        if (!isPruned && key.includes('/artifacts/')) {
          isPruned = true
          await prune(backend, { beforeMs: madeAt(99) })
        }
        return backend.read(key, maxBytes, options)
      },
    })
    const { verdict, findings } = await validate(meanwhile)
    assert.deepEqual([verdict, findings, isPruned], ['complete', [], true])
  }))

test('a snapshot behind a prune does not have the documents', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeDocuments(backend)
    for (let number = 7; number < 100; number++) {
      const content = { createdAtMs: madeAt(number) }
      await appendCommit(backend, state, draft('idle', 'complete', content))
    }
    await prune(backend, { beforeMs: madeAt(3), graceMs: HOUR_MS })
    const opened = await openBackup(backend, BACKUP)
    const folded = await openBackup(backend, BACKUP, { useSnapshots: false })
    assert.deepEqual(opened.artifacts.filter(({ kind }) => kind === 'groups').map(nameOf), [
      ...['groups 3', 'groups 4', 'groups 5', 'groups 6'],
    ])
    assert.deepEqual([opened.artifacts, opened.prunes], [folded.artifacts, [100n]])
    const report = await prune(backend, {})
    assert.deepEqual(
      report.deleted.map(({ commit }) => commit),
      [100n, 100n],
    )
  }))
