import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import type { DivergenceRecord } from '../../src/format/commit.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { appendCommit, type CommitDraft } from '../../src/repository/commit-log.ts'
import { commitKey, manifestKey, snapshotKey } from '../../src/repository/key-layout.ts'
import { encodeSnapshotObject } from '../../src/repository/snapshot-object.ts'
import { PartitionSet } from '../../src/verify/partition-set.ts'
import { BACKUP, dataBatch, draft, ORDERS_0, ORDERS_TOPIC, validate, writeSegment } from './archive-writer.ts'
import { findingsOf } from './forged-backup.ts'
import { type TamperableStore, withStore } from './tamperable-store.ts'

const LATER_TOPIC = { name: 'orders', topicId: 'BBBBBBBBBBBBBBBBBBBBBB', partitions: 1 }

function divergence(lineage: number, changes: Partial<DivergenceRecord>): DivergenceRecord {
  return {
    topic: 'orders',
    partition: 0,
    lineage,
    reason: 'log_truncated',
    topicId: ORDERS_TOPIC.topicId,
    beginOffset: 0n,
    commonEndOffset: null,
    previousEndOffset: 0n,
    ...changes,
  }
}

/** Ten records from `beginOffset` on, in a segment of their own. */
function segmentOf(store: TamperableStore, sequence: number, lineage: number, beginOffset: bigint) {
  return writeSegment(store.backend, {
    streams: [{ ...ORDERS_0, topicId: lineage === 3 ? LATER_TOPIC.topicId : ORDERS_0.topicId }],
    sequence,
    extents: [{ beginOffset, holes: [], lineage }],
    frames: [{ batches: [dataBatch(beginOffset, 4), dataBatch(beginOffset + 4n, 6, { epoch: lineage })] }],
  })
}

/**
 * Five commits of orders/0: [0, 20) of history 1; history 2 from 5, truncated at 12; its [15, 25); a topic of the same name
 * from 0, with a topic id of its own; the end of the run. A snapshot at commit 4.
 */
async function writeHistories(store: TamperableStore): Promise<BackupState> {
  const state = new BackupState(BACKUP)
  const append = (parts: Partial<CommitDraft>, outcome: 'running' | 'complete' = 'running') =>
    appendCommit(store.backend, state, draft('run-1', outcome, parts))
  const first = [await segmentOf(store, 1, 1, 0n), await segmentOf(store, 2, 1, 10n)]
  const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
  await append({ topics: [ORDERS_TOPIC], begins, segments: first })
  const truncated = divergence(2, { beginOffset: 5n, commonEndOffset: 12n, previousEndOffset: 20n })
  await append({ divergences: [truncated], segments: [await segmentOf(store, 3, 2, 5n)] })
  await append({ segments: [await segmentOf(store, 4, 2, 15n)] })
  const topicId = LATER_TOPIC.topicId
  const recreated = divergence(3, { reason: 'topic_recreated', topicId, previousEndOffset: 25n })
  const third = [await segmentOf(store, 5, 3, 0n)]
  await append({ topics: [LATER_TOPIC], divergences: [recreated], segments: third })
  await store.write(snapshotKey(BACKUP, 4n), await encodeSnapshotObject(state))
  await append({}, 'complete')
  await store.write(manifestKey(BACKUP), renderManifest(state))
  return state
}

test('several histories of one partition are all checked, and their offsets may overlap', () =>
  withStore('memory', async (store) => {
    const state = await writeHistories(store)
    const report = await validate(store.backend)
    assert.deepEqual(report.findings, [])
    assert.equal(report.verdict, 'complete')
    assert.equal(report.partitions, 1)
    assert.equal(report.records, 50)
    assert.equal(report.checkedBytes, report.storedBytes)
    assert.deepEqual(
      report.divergences.map((entry) => entry.lineage),
      [2, 3],
    )
    for (const [at, segment] of state.segments.entries()) {
      const bytes = await store.read(segment.key)
      const damaged = Buffer.from(bytes)
      damaged[segment.index.position - 1]! ^= 1
      await store.write(segment.key, damaged)
      const [finding, ...none] = await findingsOf(store)
      assert.deepEqual(none, [])
      assert.equal(finding?.key, segment.key)
      assert.equal(finding?.partitions[0]?.lineage, [undefined, undefined, 2, 2, 3][at])
      await store.write(segment.key, bytes)
    }
  }))

test('a last batch that the commit states wrongly is found by a deep validation', () =>
  withStore('memory', async (store) => {
    const whole = await segmentOf(store, 1, 1, 0n)
    const [part] = whole.parts
    const last = part?.lastBatch
    assert.ok(part && last)
    assert.equal(last.baseOffset, 4n)
    const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
    const wrong = [
      { ...last, baseOffset: 3n },
      { ...last, baseOffset: 0n },
      { ...last, crc: (last.crc ^ 1) >>> 0 },
    ]
    for (const lastBatch of [last, null, ...wrong]) {
      const state = new BackupState(BACKUP)
      const segments = [{ ...whole, parts: [{ ...part, lastBatch }] }]
      await appendCommit(
        store.backend,
        state,
        draft('run-1', 'complete', { topics: [ORDERS_TOPIC], begins, segments }),
      )
      await store.write(manifestKey(BACKUP), renderManifest(state))
      const isWrong = wrong.some((entry) => entry === lastBatch)
      const findings = await findingsOf(store)
      assert.equal(findings.length, isWrong ? 1 : 0, String(lastBatch?.crc))
      if (isWrong) {
        assert.equal(findings[0]?.key, whole.key)
        assert.equal(findings[0]?.code, 'KB_SEGMENT_CORRUPT')
        assert.match(findings[0]?.message ?? '', /ends with the batch at offset 4 with CRC/)
      }
      assert.deepEqual(await findingsOf(store, false), [])
      await store.remove(commitKey(BACKUP, 1n))
    }
  }))

test('a lost commit that began a history costs only what it held', () =>
  withStore('memory', async (store) => {
    await writeHistories(store)
    const cases: [bigint, (lineage: number | undefined) => boolean][] = [
      [2n, (lineage) => lineage === undefined],
      [3n, (lineage) => lineage === 2],
      [4n, () => true],
    ]
    for (const [number, isExpected] of cases) {
      const key = commitKey(BACKUP, number)
      const bytes = await store.read(key)
      for (const damage of [() => store.remove(key), () => store.write(key, bytes.subarray(2))]) {
        await damage()
        const damages = (await findingsOf(store)).filter((finding) => finding.severity === 'damage')
        assert.deepEqual(
          damages.map((finding) => finding.key),
          [key],
        )
        const [partition, ...none] = damages[0]?.partitions ?? []
        assert.deepEqual(none, [])
        assert.equal(partition?.topic, 'orders')
        assert.ok(isExpected(partition?.lineage), `commit ${number}: ${partition?.lineage}`)
        await store.write(key, bytes)
      }
    }
    // What is between two commits of one history is known to the offset.
    await store.remove(commitKey(BACKUP, 3n))
    const [lost] = await findingsOf(store)
    assert.deepEqual(lost?.partitions, [
      { topic: 'orders', partition: 0, lineage: 2, firstOffset: 15n, lastOffset: 24n },
    ])
  }))

test('all histories of a partition that began in a lost commit are checked', () =>
  withStore('memory', async (store) => {
    const state = await writeHistories(store)
    await store.remove(commitKey(BACKUP, 1n))
    const report = await validate(store.backend)
    const damages = report.findings.filter((finding) => finding.severity === 'damage')
    assert.deepEqual(
      damages.map((finding) => finding.key),
      [commitKey(BACKUP, 1n)],
    )
    assert.equal(report.commits, 4)
    assert.equal(report.segments, state.segments.length - 2)
    await store.remove(commitKey(BACKUP, 2n))
    await store.remove(commitKey(BACKUP, 3n))
    const rest = (await findingsOf(store)).filter((finding) => finding.severity === 'damage')
    assert.deepEqual(
      rest.map((finding) => finding.key),
      [1n, 2n, 3n].map((number) => commitKey(BACKUP, number)),
    )
  }))

test('a commit that goes on in an earlier history is damage, and what follows is still checked', () =>
  withStore('memory', async (store) => {
    const state = await writeHistories(store)
    const other = new BackupState(BACKUP)
    const begins = [{ topic: 'orders', partition: 0, offset: 20n }]
    const forged = await segmentOf(store, 9, 1, 20n)
    // Sealed and in its place, and yet nothing that a writer of this version would have made.
    other.fold({ topics: [ORDERS_TOPIC], begins, segments: [], gaps: [], divergences: [], artifacts: [] }, 1n)
    other.tip = state.tip
    await appendCommit(store.backend, other, draft('run-2', 'complete', { segments: [forged] }))
    const damages = (await findingsOf(store)).filter((finding) => finding.severity === 'damage')
    const broken = damages.find((finding) => finding.key === commitKey(BACKUP, 6n))
    assert.equal(broken?.code, 'KB_COMMIT_CORRUPT')
    assert.match(broken?.message ?? '', /goes on in history 1, its newest is 3/)
  }))

test('offsets of one history are never told with the number of another', () => {
  const orders = { topic: 'orders', partition: 0 }
  const bounds = { ...orders, firstOffset: 10n, lastOffset: 19n }
  assert.deepEqual(new PartitionSet([{ ...orders, lineage: 2, firstOffset: 5n }, bounds]).sorted(), [bounds])
  const later = { ...orders, lineage: 2, lastOffset: 7n }
  assert.deepEqual(new PartitionSet([{ ...orders, firstOffset: 5n }, later]).sorted(), [later])
  assert.deepEqual(new PartitionSet([{ ...orders, lineage: 2, firstOffset: 5n }, later]).sorted(), [
    { ...later, firstOffset: 5n },
  ])
})
