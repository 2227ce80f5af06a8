import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { encodeTopics } from '../../src/format/topics-document.ts'
import { writeArtifact } from '../../src/repository/artifacts.ts'
import { assertStillThere } from '../../src/repository/assert-held.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { digestBackup } from '../../src/repository/describe-backup.ts'
import { commitKey } from '../../src/repository/key-layout.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { readSourcePieces } from '../../src/restore/batch-source.ts'
import { capturedSettings } from '../../src/restore/captured-topics.ts'
import {
  isIncomplete,
  planRestore,
  type RestorePlan,
  type RestoreSelection,
} from '../../src/restore/restore-plan.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { TOPICS_SAMPLE } from '../format/topics-sample.ts'
import { FIRST_MS, prune, writeRuns } from '../repository/pruned-archive.ts'
import { BACKUP, draft, TRANSFORMS } from '../verify/archive-writer.ts'
import { withStore } from '../verify/tamperable-store.ts'
import { REQUEST } from './sample-request.ts'

/** orders/0 held 0-39 and orders/1 100-139; everything below 20 and 120 is pruned. Record n has the time FIRST_MS + n seconds. */
async function pruned(storage: StorageBackend, graceMs = 0): Promise<void> {
  await writeRuns(storage, 4)
  const report = await prune(storage, { keepRuns: 2, graceMs })
  assert.equal(report.plan.records, 40)
}

async function plan(storage: StorageBackend, selection: Partial<RestoreSelection>): Promise<RestorePlan> {
  const state = await openBackup(storage, BACKUP)
  return planRestore(state, { topics: undefined, topicMapping: new Map(), ...selection })
}

const second = (at: number) => FIRST_MS + BigInt(at) * 1_000n
const { signal } = new AbortController()

test('a restore of everything writes what is left, and says what was pruned', () =>
  withStore('memory', async ({ backend }) => {
    await pruned(backend)
    const whole = await plan(backend, {})
    assert.equal(whole.records, 40)
    assert.deepEqual(
      whole.pruned.map(({ partition, firstOffset, endOffset }) => [partition, firstOffset, endOffset]),
      [
        [0, 0n, 20n],
        [1, 100n, 120n],
      ],
    )
    assert.equal(isIncomplete(whole), false)
    assert.deepEqual(
      whole.partitions.map(({ offsets }) => offsets.beginOffset),
      [20n, 120n],
      'offsets that nobody holds are not filled',
    )
  }))

test('what was asked for and was pruned makes a restore incomplete, never silently short', () =>
  withStore('memory', async ({ backend }) => {
    await pruned(backend)
    const wanted = async (selection: Partial<RestoreSelection>) => {
      const made = await plan(backend, selection)
      const parts = made.pruned.filter(({ isWanted }) => isWanted).map(({ partition }) => partition)
      assert.equal(isIncomplete(made), parts.length > 0)
      return parts
    }
    const window = (from: number | null, to: number | null) => ({
      window: { fromMs: from === null ? null : second(from), toMs: to === null ? null : second(to) },
    })
    assert.deepEqual(await wanted(window(20, null)), [1], 'orders/1 lost records up to second 119')
    assert.deepEqual(await wanted(window(19, null)), [0, 1])
    assert.deepEqual(await wanted(window(120, null)), [])
    assert.deepEqual(await wanted(window(0, 5)), [0])
    assert.deepEqual(await wanted(window(30, 50)), [], 'orders/1 had nothing there')
    assert.deepEqual(await wanted(window(null, 18)), [0], 'a moment that cannot be restored')
    assert.deepEqual(await wanted(window(null, 19)), [])
    assert.deepEqual(await wanted(window(null, 110)), [1])
    assert.deepEqual(await wanted(window(null, 500)), [])
    const range = (firstOffset: bigint | null, lastOffset: bigint | null) => ({
      offsetRanges: [{ topic: 'orders', partition: 0, firstOffset, lastOffset }],
    })
    assert.deepEqual(await wanted(range(19n, 25n)), [0])
    assert.deepEqual(await wanted(range(20n, 25n)), [])
    assert.deepEqual(await wanted(range(null, 25n)), [])
    assert.deepEqual(await wanted(range(null, 18n)), [0])
    assert.deepEqual(await wanted(range(3n, 5n)), [0])
  }))

test('the state as of an earlier commit can be restored until the objects are deleted, and is refused then', () =>
  withStore('filesystem', async ({ backend }) => {
    await pruned(backend, 3_600_000)
    const asOf = await openBackup(backend, BACKUP, { asOfCommit: 3n })
    const selection = { topics: undefined, topicMapping: new Map() }
    const partsOf = (choice: Partial<RestoreSelection>) =>
      planRestore(asOf, { ...selection, ...choice }).partitions.flatMap(({ parts }) => parts)
    const all = partsOf({})
    assert.equal(all.length, 6)
    await assertStillThere(backend, asOf, all, signal)
    await prune(backend, {})
    await assert.rejects(assertStillThere(backend, asOf, all, signal), (error) => {
      assert.ok(isKafkaBackupError(error, 'KB_PRUNED'))
      assert.match(error.message, /orders\/[01] offsets \d+-\d+ were pruned, at the latest with commit 5/)
      assert.match(
        error.message,
        /after commit 3 cannot be restored any more; of orders\/[01] the offsets from 1?20 on are left/,
      )
      return true
    })
    const later = partsOf({ window: { fromMs: second(20), toMs: second(29) } })
    assert.equal(later.length, 1)
    await assertStillThere(backend, asOf, later, signal)
  }))

test('the state before a damaged commit can still be restored, as far as its segments are there', () =>
  withStore('memory', async ({ backend }) => {
    await pruned(backend)
    const asOf = await openBackup(backend, BACKUP, { asOfCommit: 3n })
    const parts = planRestore(asOf, { topics: undefined, topicMapping: new Map() }).partitions.flatMap(
      (entry) => entry.parts,
    )
    await backend.delete(commitKey(BACKUP, 4n))
    const left = parts.filter(({ part }) => part.beginOffset % 100n >= 20n)
    assert.equal(left.length, 2)
    await assertStillThere(backend, asOf, left, signal)
    await assert.rejects(assertStillThere(backend, asOf, parts, signal), (error) =>
      isKafkaBackupError(error, 'KB_SEGMENT_CORRUPT'),
    )
  }))

test('a segment that is deleted while it is wanted ends the reading with a clear error, not with damage', () =>
  withStore('filesystem', async ({ backend }) => {
    await writeRuns(backend, 4)
    const before = await plan(backend, {})
    await prune(backend, { keepRuns: 2 })
    const options = { storage: backend, backupId: BACKUP, transforms: TRANSFORMS, signal }
    const reading = readSourcePieces(
      options,
      before.partitions[0]?.parts ?? [],
      { window: null, isDecoding: false } as never,
      { left: 0n },
    )
    await assert.rejects(reading.next(), (error) => {
      assert.ok(isKafkaBackupError(error, 'KB_PRUNED'), String(error))
      assert.match(
        error.message,
        /orders\/0 offsets 0-9 were pruned, at the latest with commit 5 while they were read/,
      )
      return true
    })
    const [lost] = before.partitions[1]?.parts.slice(-1) ?? []
    assert.ok(lost)
    await backend.delete(lost.segment.key)
    const damaged = readSourcePieces(options, [lost], { window: null } as never, { left: 0n })
    await assert.rejects(damaged.next(), (error) => isKafkaBackupError(error, 'KB_SEGMENT_CORRUPT'))
  }))

test('a description says what is left and from when on it is whole', () =>
  withStore('memory', async ({ backend }) => {
    await pruned(backend)
    const digest = digestBackup(await openBackup(backend, BACKUP))
    assert.equal(digest.prunedUntilMs, second(119))
    assert.deepEqual([digest.records, digest.lastRun?.outcome], [40, 'complete'])
    assert.deepEqual(
      digest.partitions.map(({ pruned: own }) => [own?.endOffset, own?.records, own?.segments, own?.commit]),
      [
        [20n, 20, 2, 5n],
        [120n, 20, 2, 5n],
      ],
    )
  }))

test('settings of topics that were pruned with their document are refused, unless nobody wants them', () =>
  withStore('memory', async ({ backend }) => {
    const state = await writeRuns(backend, 1)
    for (const number of [2, 3]) {
      const document = { ...TOPICS_SAMPLE, writer: `0000000${number}` }
      const artifact = { kind: 'topics', writer: document.writer, bytes: encodeTopics(document) }
      const artifacts = [await writeArtifact(backend, state, artifact)]
      await appendCommit(backend, state, draft(`run-${number}`, 'complete', { artifacts }))
    }
    const asOf = await openBackup(backend, BACKUP, { asOfCommit: 2n })
    const wanted = (restoreTopicConfigs: boolean) =>
      capturedSettings(backend, asOf, { ...REQUEST, restoreTopicConfigs }, signal)
    await prune(backend, { beforeMs: FIRST_MS, graceMs: 3_600_000 })
    assert.equal((await wanted(true)).captured?.writer, '00000002', 'it is not deleted yet')
    await prune(backend, {})
    await assert.rejects(wanted(true), (error) => {
      assert.ok(isKafkaBackupError(error, 'KB_PRUNED'))
      assert.match(`${error.message} ${error.hint}`, /topics as of commit 2.*--restore-topic-configs false/)
      return true
    })
    assert.deepEqual(await wanted(false), { captured: null, captureTrouble: null })
    const newest = await openBackup(backend, BACKUP)
    const now = await capturedSettings(backend, newest, { ...REQUEST, restoreTopicConfigs: true }, signal)
    assert.deepEqual([now.captured?.writer, now.captureTrouble], ['00000003', null])
  }))
