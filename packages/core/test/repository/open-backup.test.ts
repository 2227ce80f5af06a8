import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../../src/errors/error-codes.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { encodeSnapshot } from '../../src/format/snapshot.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { commitKey, snapshotKey } from '../../src/repository/key-layout.ts'
import {
  openBackup,
  openExistingBackup,
  readSnapshot,
  writeSnapshotIfDue,
} from '../../src/repository/open-backup.ts'
import { encodeSnapshotObject } from '../../src/repository/snapshot-object.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { altered } from '../verify/altered-backend.ts'
import { BACKUP, draft } from '../verify/archive-writer.ts'
import { STORES, type TamperableStore, withStore } from '../verify/tamperable-store.ts'

const TOPICS = [{ name: 'orders', topicId: null, partitions: 1 }]
const BEGINS = [{ topic: 'orders', partition: 0, offset: 0n }]

/** A log of `count` commits; each but the first declares one lost offset. */
async function writeLog(storage: StorageBackend, count: number): Promise<BackupState> {
  const state = new BackupState(BACKUP)
  for (let number = 1; number <= count; number++) await append(storage, state)
  return state
}

async function append(storage: StorageBackend, state: BackupState): Promise<void> {
  const next = state.partition('orders', 0)?.nextOffset
  const [firstOffset, endOffset] = [next ?? 0n, (next ?? 0n) + 1n]
  const gap = { topic: 'orders', partition: 0, lineage: 1, firstOffset, endOffset }
  const gaps = [{ ...gap, reason: 'missing_in_log' as const }]
  await appendCommit(
    storage,
    state,
    next === undefined
      ? draft('run-1', 'running', { topics: TOPICS, begins: BEGINS })
      : draft('run-1', 'running', { gaps }),
  )
}

function expectSame(actual: BackupState, expected: BackupState): void {
  assert.ok(encodeSnapshot(actual).equals(encodeSnapshot(expected)))
}

async function expectRejected(storage: StorageBackend, code: ErrorCode, pattern = /./): Promise<void> {
  await assert.rejects(openBackup(storage, BACKUP), (error) => {
    assert.ok(isKafkaBackupError(error, code), String(error))
    assert.match(error.message, pattern)
    return true
  })
}

async function snapshotAt(store: TamperableStore, state: BackupState): Promise<string> {
  const key = snapshotKey(BACKUP, state.tip?.number ?? 0n)
  await store.write(key, await encodeSnapshotObject(state))
  return key
}

for (const kind of Object.keys(STORES) as (keyof typeof STORES)[]) {
  test(`a backup is opened from a snapshot and the commits after it (${kind})`, () =>
    withStore(kind, async (store) => {
      const state = await writeLog(store.backend, 4)
      await snapshotAt(store, state)
      for (let more = 0; more < 3; more++) await append(store.backend, state)
      const reads: string[] = []
      const watched = altered(store.backend, {
        read: (key, ...rest) => {
          reads.push(key)
          return store.backend.read(key, ...rest)
        },
      })
      expectSame(await openBackup(watched, BACKUP), state)
      assert.ok(!reads.includes(commitKey(BACKUP, 3n)), reads.join('\n'))
      expectSame(await openBackup(store.backend, BACKUP, { useSnapshots: false }), state)
      await append(store.backend, await openBackup(store.backend, BACKUP))
      assert.equal((await openBackup(store.backend, BACKUP)).tip?.number, 8n)
    }))

  test(`a snapshot that is damaged in any way is passed over (${kind})`, () =>
    withStore(kind, async (store) => {
      const state = await writeLog(store.backend, 2)
      const older = await snapshotAt(store, state)
      await append(store.backend, state)
      const newer = await snapshotAt(store, state)
      const bytes = await store.read(newer)
      const flipped = Buffer.from(bytes)
      flipped[bytes.length >> 1]! ^= 1
      for (const damaged of [flipped, bytes.subarray(1), Buffer.alloc(0), await store.read(older)]) {
        await store.write(newer, damaged)
        await assert.rejects(readSnapshot(store.backend, BACKUP, 3n), (error) =>
          isKafkaBackupError(error, 'KB_SNAPSHOT_CORRUPT'),
        )
        expectSame(await openBackup(store.backend, BACKUP), state)
      }
      await store.write(older, flipped)
      expectSame(await openBackup(store.backend, BACKUP), state)
    }))

  test(`a lost or damaged commit is refused wherever it is (${kind})`, () =>
    withStore(kind, async (store) => {
      await writeLog(store.backend, 20)
      for (const number of [1n, 2n, 17n, 19n]) {
        const key = commitKey(BACKUP, number)
        const bytes = await store.read(key)
        await store.remove(key)
        await expectRejected(store.backend, 'KB_COMMIT_CORRUPT', new RegExp(`commit ${number} .*missing`))
        await store.write(key, bytes.subarray(0, -1))
        await expectRejected(store.backend, 'KB_COMMIT_CORRUPT', new RegExp(key))
        await store.write(key, await store.read(commitKey(BACKUP, 20n)))
        await expectRejected(store.backend, 'KB_COMMIT_CORRUPT', /holds commit 20/)
        await store.write(key, bytes)
      }
      assert.equal((await openBackup(store.backend, BACKUP)).tip?.number, 20n)
    }))
}

test('every bit of a snapshot object counts, also those that no decoder looks at', () =>
  withStore('memory', async (store) => {
    const state = await writeLog(store.backend, 3)
    const key = await snapshotAt(store, state)
    const bytes = await store.read(key)
    for (let at = 0; at < bytes.length * 8; at++) {
      const flipped = Buffer.from(bytes)
      flipped[at >> 3]! ^= 1 << (at & 7)
      await store.write(key, flipped)
      await assert.rejects(
        readSnapshot(store.backend, BACKUP, 3n),
        (error) => isKafkaBackupError(error, 'KB_SNAPSHOT_CORRUPT'),
        `bit ${at}`,
      )
    }
    await store.write(key, Buffer.concat([bytes, Buffer.from([0])]))
    await assert.rejects(readSnapshot(store.backend, BACKUP, 3n))
  }))

test('a snapshot of a commit that is lost shows that it is lost', () =>
  withStore('memory', async (store) => {
    const state = await writeLog(store.backend, 3)
    await snapshotAt(store, state)
    await store.remove(commitKey(BACKUP, 3n))
    await expectRejected(store.backend, 'KB_COMMIT_CORRUPT', /commit 3 .*missing, but a snapshot/)
  }))

test('a whole snapshot of another history is passed over', () =>
  withStore('memory', async (store) => {
    const state = await writeLog(store.backend, 3)
    const other = new BackupState(BACKUP)
    await withStore('memory', async ({ backend }) => {
      for (let number = 0; number < 3; number++) await appendCommit(backend, other, draft('other', 'running'))
    })
    await snapshotAt(store, other)
    expectSame(await openBackup(store.backend, BACKUP), state)
  }))

test('a listing that lags behind costs time and nothing else', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeLog(backend, 40)
    for (const hidden of [/commits\/0+40/, /commits\/0+3\d/, /commits\/0*[234]\./, /commits\//]) {
      const lagging = altered(backend, {
        async *list(prefix, options) {
          for await (const entry of backend.list(prefix, options)) if (!hidden.test(entry.key)) yield entry
        },
      })
      expectSame(await openBackup(lagging, BACKUP), state)
    }
  }))

test('a forged number far away is refused at once', () =>
  withStore('memory', async (store) => {
    await writeLog(store.backend, 2)
    await store.write(`${BACKUP}/commits/99999999999999999999.json`, Buffer.from('{}'))
    await expectRejected(store.backend, 'KB_COMMIT_CORRUPT', /commit 3 .*missing/)
  }))

test('an id that was never used is empty to open, and an error where a backup is needed', () =>
  withStore('memory', async ({ backend }) => {
    const state = await openBackup(backend, BACKUP)
    assert.equal(state.tip, null)
    assert.equal(state.nextNumber, 1n)
    await assert.rejects(openExistingBackup(backend, BACKUP), (error) =>
      isKafkaBackupError(error, 'KB_BACKUP_NOT_FOUND'),
    )
    await assert.rejects(openBackup(backend, '../x'), (error) => isKafkaBackupError(error, 'KB_USAGE'))
    await writeLog(backend, 1)
    assert.equal((await openExistingBackup(backend, BACKUP)).tip?.number, 1n)
  }))

test('a snapshot is written at every hundredth commit, and a lost race for it is no failure', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeLog(backend, 99)
    await writeSnapshotIfDue(backend, state)
    assert.equal(await backend.stat(snapshotKey(BACKUP, 99n)), undefined)
    await append(backend, state)
    await writeSnapshotIfDue(backend, state)
    await writeSnapshotIfDue(backend, state)
    expectSame(await readSnapshot(backend, BACKUP, 100n), state)
    await writeSnapshotIfDue(backend, new BackupState(BACKUP))
  }))

test('a state that is too large for a snapshot has none, and the backup is opened as ever', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeLog(backend, 100)
    const bytes = encodeSnapshot(state).length
    await writeSnapshotIfDue(backend, state, bytes - 1)
    assert.equal(await backend.stat(snapshotKey(BACKUP, 100n)), undefined)
    expectSame(await openBackup(backend, BACKUP), state)
    await writeSnapshotIfDue(backend, state, bytes)
    expectSame(await readSnapshot(backend, BACKUP, 100n), state)
  }))

for (const kind of Object.keys(STORES) as (keyof typeof STORES)[]) {
  test(`a backup is opened as it was after any of its commits (${kind})`, () =>
    withStore(kind, async (store) => {
      const state = new BackupState(BACKUP)
      const encoded: Buffer[] = []
      for (let number = 1; number <= 7; number++) {
        await append(store.backend, state)
        encoded.push(encodeSnapshot(state))
        if (number === 3 || number === 5) await snapshotAt(store, state)
      }
      for (const [at, expected] of encoded.entries()) {
        const asOfCommit = BigInt(at + 1)
        for (const useSnapshots of [true, false]) {
          const opened = await openExistingBackup(store.backend, BACKUP, { asOfCommit, useSnapshots })
          assert.ok(encodeSnapshot(opened).equals(expected), `commit ${asOfCommit}`)
        }
      }
    }))
}

test('an earlier state can be opened when later commits or snapshots are damaged, not when it is lost', () =>
  withStore('memory', async (store) => {
    const state = await writeLog(store.backend, 4)
    const newer = await snapshotAt(store, state)
    await store.write(commitKey(BACKUP, 4n), Buffer.from('damaged'))
    await store.write(newer, Buffer.from('damaged'))
    const opened = await openBackup(store.backend, BACKUP, { asOfCommit: 3n })
    assert.equal(opened.tip?.number, 3n)
    await store.remove(commitKey(BACKUP, 3n))
    await assert.rejects(openBackup(store.backend, BACKUP, { asOfCommit: 3n }), (error) => {
      assert.ok(isKafkaBackupError(error, 'KB_COMMIT_CORRUPT'), String(error))
      assert.match(error.message, /commit 3 .*is missing, but commit 4 exists/)
      return true
    })
  }))

test('a commit that is not there is a mistake of the user', () =>
  withStore('memory', async (store) => {
    await writeLog(store.backend, 4)
    for (const asOfCommit of [0n, -1n, 5n, 2n ** 62n]) {
      await assert.rejects(openExistingBackup(store.backend, BACKUP, { asOfCommit }), (error) => {
        assert.ok(isKafkaBackupError(error, 'KB_USAGE'), String(error))
        assert.match(error.message, new RegExp(`has no commit ${asOfCommit}`))
        return true
      })
    }
    await assert.rejects(openExistingBackup(store.backend, 'other', { asOfCommit: 2n }), (error) =>
      isKafkaBackupError(error, 'KB_BACKUP_NOT_FOUND'),
    )
  }))
