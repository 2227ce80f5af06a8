import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { type Commit, decodeCommit, encodeCommit } from '../../src/format/commit.ts'
import type { SegmentPart, SegmentRecord } from '../../src/format/segment-record.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/format/snapshot.ts'
import { readCommit } from '../../src/repository/commit-log.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { compact, writeRounds } from '../compact/compacted-archive.ts'
import { BACKUP } from '../verify/archive-writer.ts'
import { withStore } from '../verify/tamperable-store.ts'

/** A commit that compacts, and the state that it follows. */
async function compaction() {
  return withStore('memory', async ({ backend }) => {
    await writeRounds(backend, 6)
    const before = await openBackup(backend, BACKUP)
    const { commits } = await compact(backend)
    const { commit, sha256 } = await readCommit(backend, BACKUP, commits[0] ?? 0n)
    const { compacted } = commit
    assert.ok(compacted)
    return { before, commit: { ...commit, compacted }, sha256 }
  })
}

function withPart(commit: Commit, change: (part: SegmentPart) => Partial<SegmentPart>): Commit {
  const changed = ({ parts, ...segment }: SegmentRecord) => ({
    ...segment,
    parts: parts.map((part) => ({ ...part, ...change(part) })),
  })
  return {
    ...commit,
    segments: commit.segments.map((segment, at) => (at === 0 ? changed(segment) : segment)),
  }
}

test('a commit that compacts has its feature, and says nothing else', async () => {
  const { commit } = await compaction()
  const { bytes } = encodeCommit(commit)
  assert.deepEqual(JSON.parse(bytes.toString()).features, ['compacted'])
  assert.deepEqual(decodeCommit(bytes), commit)
  const wrong: Partial<Commit>[] = [
    { segments: [] },
    { begins: [{ topic: 'orders', partition: 0, offset: 0n }] },
    { pruned: { partitions: [], orphans: ['x'] } },
    { compacted: undefined },
    { compacted: { objects: [] } },
    { compacted: { objects: commit.compacted.objects.toReversed() } },
  ]
  for (const change of wrong) {
    const forged = encodeCommit({ ...commit, ...change }).bytes
    assert.throws(
      () => decodeCommit(forged),
      (error) => isKafkaBackupError(error, 'KB_COMMIT_CORRUPT'),
    )
  }
})

test('only what holds the same can take the place of segments', async () => {
  const { before, commit, sha256 } = await compaction()
  const { objects } = commit.compacted
  const refusals: readonly (readonly [RegExp, Commit])[] = [
    [/is not held/, { ...commit, compacted: { objects: [...objects, 'z'] } }],
    // Of a bundle that stays, one partition would be there twice.
    [/is given more|is not replaced|has nothing/, { ...commit, compacted: { objects: objects.slice(1) } }],
    [/is not replaced/, { ...commit, segments: commit.segments.slice(1) }],
    [/is there already/, { ...commit, segments: [...commit.segments, ...before.segments.slice(0, 1)] }],
    [/has nothing that is replaced/, withPart(commit, () => ({ lineage: 2 }))],
    [/offsets out of order/, withPart(commit, ({ lastOffset }) => ({ lastOffset: lastOffset + 1n }))],
    [
      /is not replaced/,
      withPart(commit, ({ lastOffset }) => ({ lastOffset: lastOffset - 1n, nextOffset: lastOffset })),
    ],
    [/something else/, withPart(commit, ({ records }) => ({ records: records - 1 }))],
    [/something else/, withPart(commit, ({ batches }) => ({ batches: batches - 1 }))],
    [/something else/, withPart(commit, ({ rawBytes }) => ({ rawBytes: rawBytes - 1 }))],
    [
      /something else/,
      withPart(commit, ({ beginOffset }) => ({ holes: [[beginOffset + 3n, beginOffset + 4n]] })),
    ],
    [/something else/, withPart(commit, () => ({ leaderEpochs: [[7, 0n]] }))],
    [/something else/, withPart(commit, ({ maxTimestampMs }) => ({ maxTimestampMs: maxTimestampMs - 1n }))],
    [/another batch/, withPart(commit, () => ({ lastBatch: { baseOffset: 0n, crc: 1 } }))],
  ]
  const untouched = encodeSnapshot(before)
  for (const [reason, forged] of refusals) {
    for (const step of [() => before.assertFollowedBy(forged), () => before.apply(forged, sha256)]) {
      assert.throws(
        step,
        (error) => isKafkaBackupError(error, 'KB_COMMIT_CORRUPT') && reason.test(error.message),
        String(reason),
      )
    }
  }
  assert.deepEqual(encodeSnapshot(before), untouched)
  before.apply(commit, sha256)
  assert.deepEqual(encodeSnapshot(decodeSnapshot(encodeSnapshot(before))), encodeSnapshot(before))
})

test('a compaction moves parts, and nothing else of a history', async () => {
  const { before, commit, sha256 } = await compaction()
  const one = decodeSnapshot(encodeSnapshot(before))
  one.apply(commit, sha256)
  assert.deepEqual(
    one.partitions().map(({ parts, ...history }) => [history.nextOffset, parts.length]),
    before.partitions().map(({ nextOffset }) => [nextOffset, 1]),
  )
  assert.deepEqual(one.runs, before.runs)
})
