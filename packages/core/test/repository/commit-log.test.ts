import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError, KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { encodeSnapshot } from '../../src/format/snapshot.ts'
import { appendCommit, type CommitDraft, readCommit } from '../../src/repository/commit-log.ts'
import { commitKey } from '../../src/repository/key-layout.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { altered } from '../verify/altered-backend.ts'
import {
  BACKUP,
  dataBatch,
  draft,
  ORDERS_0,
  ORDERS_1,
  ORDERS_TOPIC,
  writeSegment,
} from '../verify/archive-writer.ts'
import { STORES, withStore } from '../verify/tamperable-store.ts'

function gapOf(partition: number, firstOffset: bigint, endOffset: bigint): CommitDraft['gaps'][number] {
  return { topic: 'orders', partition, lineage: 1, firstOffset, endOffset, reason: 'missing_in_log' }
}

/** A backup of orders/0 and orders/1, both at offset 0. */
async function begin(storage: StorageBackend): Promise<void> {
  const begins = [0, 1].map((partition) => ({ topic: 'orders', partition, offset: 0n }))
  await appendCommit(
    storage,
    new BackupState(BACKUP),
    draft('run-0', 'complete', { topics: [ORDERS_TOPIC], begins }),
  )
}

function isConflict(error: unknown): boolean {
  return isKafkaBackupError(error, 'KB_COMMIT_CONFLICT')
}

for (const kind of Object.keys(STORES) as (keyof typeof STORES)[]) {
  test(`two writers of different partitions both succeed, the loser on top of the winner (${kind})`, () =>
    withStore(kind, async ({ backend }) => {
      await begin(backend)
      const [left, right] = [await openBackup(backend, BACKUP), await openBackup(backend, BACKUP)]
      for (let round = 0n; round < 5n; round++) {
        const commits = await Promise.all([
          appendCommit(backend, left, draft('left', 'running', { gaps: [gapOf(0, round, round + 1n)] })),
          appendCommit(backend, right, draft('right', 'running', { gaps: [gapOf(1, round, round + 1n)] })),
        ])
        assert.notEqual(commits[0].number, commits[1].number)
      }
      const state = await openBackup(backend, BACKUP)
      assert.equal(state.tip?.number, 11n)
      assert.equal(state.partition('orders', 0)?.nextOffset, 5n)
      assert.equal(state.partition('orders', 1)?.nextOffset, 5n)
    }))

  test(`of two writers of one partition one stops, and changes nothing (${kind})`, () =>
    withStore(kind, async ({ backend }) => {
      await begin(backend)
      const [winner, loser] = [await openBackup(backend, BACKUP), await openBackup(backend, BACKUP)]
      await appendCommit(backend, winner, draft('winner', 'running', { gaps: [gapOf(0, 0n, 7n)] }))
      const before = encodeSnapshot(loser)
      const gaps = [gapOf(1, 0n, 3n), gapOf(0, 0n, 2n)]
      await assert.rejects(appendCommit(backend, loser, draft('loser', 'running', { gaps })), (error) => {
        assert.ok(isConflict(error), String(error))
        assert.match((error as Error).message, /run \(winner\).*orders\/0/)
        return true
      })
      assert.ok(encodeSnapshot(loser).equals(before))
      const state = await openBackup(backend, BACKUP)
      assert.ok(encodeSnapshot(state).equals(encodeSnapshot(winner)))
      assert.equal(await backend.stat(commitKey(BACKUP, 3n)), undefined)
    }))

  test(`many writers of one partition: each number is won once (${kind})`, () =>
    withStore(kind, async ({ backend }) => {
      await begin(backend)
      const states = await Promise.all(Array.from({ length: 8 }, () => openBackup(backend, BACKUP)))
      const results = await Promise.allSettled(
        states.map((state, at) =>
          appendCommit(
            backend,
            state,
            draft(`run-${at}`, 'running', { gaps: [gapOf(0, 0n, BigInt(at + 1))] }),
          ),
        ),
      )
      assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1)
      assert.ok(results.every((result) => result.status === 'fulfilled' || isConflict(result.reason)))
      assert.equal((await openBackup(backend, BACKUP)).tip?.number, 2n)
    }))
}

test('two writers that both declare another history of a partition do not both succeed', () =>
  withStore('memory', async ({ backend }) => {
    await begin(backend)
    const [winner, loser] = [await openBackup(backend, BACKUP), await openBackup(backend, BACKUP)]
    const divergence = {
      topic: 'orders',
      partition: 0,
      lineage: 2,
      reason: 'log_truncated' as const,
      topicId: null,
      beginOffset: 0n,
      commonEndOffset: null,
      previousEndOffset: 0n,
    }
    const parted = (run: string) => draft(run, 'running', { divergences: [divergence] })
    await appendCommit(backend, winner, parted('winner'))
    await assert.rejects(appendCommit(backend, loser, parted('loser')), isConflict)
    assert.equal((await openBackup(backend, BACKUP)).histories('orders', 0).length, 2)
  }))

test('a commit of another isolation level is refused before it is written', () =>
  withStore('memory', async ({ backend }) => {
    await begin(backend)
    const state = await openBackup(backend, BACKUP)
    const own = draft('run-1', 'complete')
    const other: CommitDraft = { ...own, run: { ...own.run, isolation: 'read_uncommitted' } }
    await assert.rejects(appendCommit(backend, state, other), (error) =>
      isKafkaBackupError(error, 'KB_COMMIT_CORRUPT'),
    )
    assert.equal(await backend.stat(commitKey(BACKUP, 2n)), undefined)
  }))

test('a writer that lost several numbers goes on behind all of them', () =>
  withStore('memory', async ({ backend }) => {
    await begin(backend)
    const slow = await openBackup(backend, BACKUP)
    const fast = await openBackup(backend, BACKUP)
    for (let at = 0n; at < 4n; at++) {
      await appendCommit(backend, fast, draft('fast', 'running', { gaps: [gapOf(0, at, at + 1n)] }))
    }
    const commit = await appendCommit(backend, slow, draft('slow', 'complete', { gaps: [gapOf(1, 0n, 9n)] }))
    assert.equal(commit.number, 6n)
    assert.equal(slow.partition('orders', 0)?.nextOffset, 4n)
    assert.ok(encodeSnapshot(slow).equals(encodeSnapshot(await openBackup(backend, BACKUP))))
  }))

/*
 * The put succeeded and its answer was lost; the store's client tries again by itself and is told that the key is taken,
 * by its own first attempt. A commit must not be made twice for it, and must not be taken for a conflict.
 */
test('an answer that was lost is settled by comparing digests', () =>
  withStore('memory', async ({ backend }) => {
    await begin(backend)
    let puts = 0
    const lossy = altered(backend, {
      put: async (key, bytes, options) => {
        puts++
        await backend.put(key, bytes, options)
        throw new KafkaBackupError('KB_OBJECT_EXISTS', 'the first attempt was stored')
      },
    })
    const state = await openBackup(backend, BACKUP)
    const commit = await appendCommit(lossy, state, draft('run-1', 'running', { gaps: [gapOf(0, 0n, 7n)] }))
    assert.equal(commit.number, 2n)
    assert.equal(puts, 1)
    assert.ok(encodeSnapshot(state).equals(encodeSnapshot(await openBackup(backend, BACKUP))))
  }))

test('a store that fails is an error, and the state stays', () =>
  withStore('memory', async ({ backend }) => {
    await begin(backend)
    const state = await openBackup(backend, BACKUP)
    const failure = new KafkaBackupError('KB_STORAGE_FULL', 'the disk is full')
    const failing = altered(backend, {
      put: async () => {
        throw failure
      },
    })
    await assert.rejects(appendCommit(failing, state, draft('run-1', 'running')), failure)
    assert.equal(state.tip?.number, 1n)
    await appendCommit(backend, state, draft('run-1', 'running'))
  }))

test('a draft that does not continue the log is refused before anything is written', () =>
  withStore('memory', async ({ backend }) => {
    await begin(backend)
    const state = await openBackup(backend, BACKUP)
    await assert.rejects(
      appendCommit(backend, state, draft('run-1', 'running', { gaps: [gapOf(0, 3n, 4n)] })),
      (error) => isKafkaBackupError(error, 'KB_COMMIT_CORRUPT'),
    )
    assert.equal(await backend.stat(commitKey(BACKUP, 2n)), undefined)
  }))

test('a name in a commit is used only when it is the name of what it holds', () =>
  withStore('memory', async ({ backend }) => {
    await begin(backend)
    const segment = await writeSegment(backend, {
      streams: [ORDERS_0],
      sequence: 1,
      extents: [{ beginOffset: 0n, holes: [] }],
      frames: [{ batches: [dataBatch(0n, 2)] }],
    })
    const digest = 'ab'.repeat(32)
    const keys = [
      '../outside',
      'other/topics/orders/partition=0/segment-0000000001-9f2c11ab.zst',
      segment.key.replace('partition=0', 'partition=1'),
      segment.key.replace('/orders/', '/audit/'),
      commitKey(BACKUP, 1n),
      `${BACKUP}/manifest.json`,
    ]
    const wrong: Partial<CommitDraft>[] = [
      ...keys.map((key) => ({ segments: [{ ...segment, key }] })),
      { artifacts: [{ kind: 'report', key: segment.key, bytes: 1, sha256: digest }] },
      {
        artifacts: [
          {
            kind: 'report',
            key: `${BACKUP}/artifacts/other/00000000000000000002-9f2c11ab.json`,
            bytes: 1,
            sha256: digest,
          },
        ],
      },
    ]
    for (const content of wrong) {
      const state = await openBackup(backend, BACKUP)
      await assert.rejects(
        appendCommit(backend, state, draft('run-1', 'running', content)),
        (error) => isKafkaBackupError(error, 'KB_COMMIT_CORRUPT'),
        JSON.stringify(content, (_, value) => String(value)),
      )
    }
    const state = await openBackup(backend, BACKUP)
    for (const key of [segment.key, commitKey(BACKUP, 1n), 'other/artifacts/x']) {
      const pruned = { partitions: [], orphans: [], artifacts: [key] }
      const prune = { ...draft('', 'running'), run: null, pruned }
      await assert.rejects(appendCommit(backend, state, prune), /not the key of what can be removed/)
    }
    await appendCommit(backend, state, draft('run-1', 'running', { segments: [segment] }))
    assert.equal(state.partition(ORDERS_1.topic, 0)?.nextOffset, 2n)
  }))

test('a commit under another number, or of another backup, is not taken for the one that was asked for', () =>
  withStore('memory', async (store) => {
    await begin(store.backend)
    const bytes = await store.read(commitKey(BACKUP, 1n))
    await store.write(commitKey(BACKUP, 7n), bytes)
    await store.write(commitKey('weekly', 1n), bytes)
    for (const [backup, number] of [
      [BACKUP, 7n],
      ['weekly', 1n],
    ] as const) {
      await assert.rejects(readCommit(store.backend, backup, number), (error) =>
        isKafkaBackupError(error, 'KB_COMMIT_CORRUPT'),
      )
    }
    assert.equal((await readCommit(store.backend, BACKUP, 1n)).commit.number, 1n)
  }))
