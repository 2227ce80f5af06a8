import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Commit, decodeCommit, encodeCommit } from '../../src/format/commit.ts'
import { snapshotKey } from '../../src/repository/key-layout.ts'
import { encodeSnapshotObject } from '../../src/repository/snapshot-object.ts'
import { BACKUP, draft, validate } from './archive-writer.ts'
import { writeSampleArchive } from './sample-archive.ts'
import { type TamperableStore, withStore } from './tamperable-store.ts'

/* Documents that are sealed and whole, and do not belong where they are. */

async function findingsOf(store: TamperableStore) {
  return (await validate(store.backend)).findings
}

const keyOf = (number: number) => `${BACKUP}/commits/${String(number).padStart(20, '0')}.json`

/** Replaces a commit by one that is sealed anew; the commits after it still name the old one. */
async function forge(store: TamperableStore, number: number, change: (commit: Commit) => Commit) {
  const commit = decodeCommit(await store.read(keyOf(number)))
  await store.write(keyOf(number), encodeCommit(change(commit)).bytes)
}

test('a commit that was replaced by another sealed one is found by its successor', () =>
  withStore('memory', async (store) => {
    await writeSampleArchive(store.backend)
    await forge(store, 2, (commit) => ({ ...commit, program: 'forged 1.0.0' }))
    const findings = (await findingsOf(store)).filter((finding) => finding.severity === 'damage')
    assert.deepEqual(
      findings.map((finding) => [finding.code, finding.key]),
      [['KB_COMMIT_CORRUPT', keyOf(2)]],
    )
    assert.deepEqual(findings[0]?.partitions, [
      { topic: 'orders', partition: 1, firstOffset: 100n, lastOffset: 115n },
    ])
  }))

test('a commit that does not go on where the log stands is named itself', () =>
  withStore('memory', async (store) => {
    await writeSampleArchive(store.backend)
    const gap = { topic: 'orders', partition: 0, lineage: 1, firstOffset: 50n, endOffset: 60n }
    await forge(store, 4, (commit) => ({ ...commit, gaps: [{ ...gap, reason: 'missing_in_log' }] }))
    const findings = (await findingsOf(store)).filter((finding) => finding.severity === 'damage')
    assert.deepEqual(
      findings.map((finding) => finding.key),
      [keyOf(4)],
    )
    assert.match(findings[0]?.message ?? '', /orders\/0 goes on at 50, expected 37/)
  }))

test('a lost commit does not excuse a jump of offsets that comes later', () =>
  withStore('memory', async (store) => {
    const { state } = await writeSampleArchive(store.backend)
    await store.remove(keyOf(1))
    const gap = { topic: 'orders', partition: 0, lineage: 1, firstOffset: 50n, endOffset: 60n }
    const tip = state.tip
    assert.ok(tip)
    const commit: Commit = {
      ...draft('run-3', 'complete', { gaps: [{ ...gap, reason: 'missing_in_log' }] }),
      number: 5n,
      previousSha256: tip.sha256,
    }
    await store.write(keyOf(5), encodeCommit(commit).bytes)
    const findings = (await findingsOf(store)).filter((finding) => finding.severity === 'damage')
    assert.deepEqual(
      findings.map((finding) => finding.key),
      [keyOf(1), keyOf(5)],
    )
  }))

test('a whole snapshot of another state is found by folding the commits', () =>
  withStore('memory', async (store) => {
    const { state } = await writeSampleArchive(store.backend)
    const key = snapshotKey(BACKUP, 4n)
    state.runs.pop()
    await store.write(key, await encodeSnapshotObject(state))
    const findings = await findingsOf(store)
    assert.deepEqual(
      findings.map((finding) => [finding.code, finding.key, finding.partitions.length]),
      [['KB_SNAPSHOT_CORRUPT', key, 3]],
    )
  }))
