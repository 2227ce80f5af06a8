import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import { encodeMinima, type MinimaDocument } from '../../src/format/minima-document.ts'
import type { SegmentRecord } from '../../src/format/segment-record.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { keepMinima, readMinima } from '../../src/repository/kept-minima.ts'
import {
  bundleKey,
  manifestKey,
  minimaKey,
  ownerKey,
  parseKey,
  segmentKey,
} from '../../src/repository/key-layout.ts'
import { SegmentReader } from '../../src/repository/segment-reader.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import {
  BACKUP,
  dataBatch,
  draft,
  ORDERS_0,
  ORDERS_TOPIC,
  TRANSFORMS,
  validate,
  writeSegment,
} from '../verify/archive-writer.ts'
import { FIRST_MS, prune, writeRuns } from './pruned-archive.ts'

/** Two compressed frames, whose minima are {@link FIRST_MS} and five seconds later, and one that is not compressed. */
async function writeArchive(storage: StorageBackend): Promise<SegmentRecord> {
  const segment = await writeSegment(storage, {
    streams: [ORDERS_0],
    sequence: 1,
    extents: [{ beginOffset: 0n, holes: [] }],
    frames: [
      { batches: [dataBatch(0n, 5, { codec: 'gzip' })] },
      { batches: [dataBatch(5n, 5, { codec: 'gzip' })] },
      { batches: [dataBatch(10n, 5)] },
    ],
  })
  const state = new BackupState(BACKUP)
  const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
  const parts = { topics: [ORDERS_TOPIC], begins, segments: [segment] }
  await appendCommit(storage, state, draft('run-1', 'complete', parts))
  await storage.replace(manifestKey(BACKUP), renderManifest(state))
  return segment
}

async function kept(storage: StorageBackend, record: SegmentRecord) {
  const { index } = await SegmentReader.open(storage, BACKUP, record, TRANSFORMS)
  return [...(await readMinima(storage, BACKUP, { record, frames: index.frames }))]
}

const SECOND_MS = FIRST_MS + 5_000n

test('the key stands beside that of the segment or bundle, and is parsed back', () => {
  const place = { topic: 'orders', partition: 3, sequence: 31, writer: '9f2c11ab', extension: 'lz4' }
  for (const segment of [segmentKey('b', place), bundleKey('b', place)]) {
    const key = minimaKey(segment, 9)
    assert.equal(key, `${segment}.minima-9.json`)
    assert.deepEqual(parseKey('b', key), { kind: 'minima', segment, number: 9 })
    assert.equal(ownerKey('b', key), segment)
    assert.equal(ownerKey('b', segment), segment)
    for (const other of [`${segment}.minima-0.json`, `${segment}.minima-10.json`, `${key}.minima-1.json`])
      assert.equal(parseKey('b', other), undefined, other)
  }
  assert.equal(parseKey('b', 'b/manifest.json.minima-1.json'), undefined)
})

test('minima are kept in one object after the other, and the smaller counts', async () => {
  const storage = new MemoryBackend('kept')
  const record = await writeArchive(storage)
  assert.deepEqual(await kept(storage, record), [])
  assert.equal(await keepMinima(storage, BACKUP, record, new Map([[0, FIRST_MS]])), true)
  assert.equal(await keepMinima(storage, BACKUP, record, new Map([[1, SECOND_MS]])), true)
  assert.deepEqual(await kept(storage, record), [
    [0, FIRST_MS],
    [1, SECOND_MS],
  ])
  await keepMinima(storage, BACKUP, record, new Map([[1, SECOND_MS - 1n]]))
  assert.deepEqual(await kept(storage, record), [
    [0, FIRST_MS],
    [1, SECOND_MS - 1n],
  ])
  for (let number = 4; number <= LIMITS.minimaObjectsMax; number++)
    assert.equal(await keepMinima(storage, BACKUP, record, new Map([[0, FIRST_MS]])), true)
  assert.equal(await keepMinima(storage, BACKUP, record, new Map([[0, FIRST_MS]])), false)
})

test('what is damaged, of other bytes or impossible is as if it were not there', async () => {
  const record = await writeArchive(new MemoryBackend('probe'))
  const right: MinimaDocument = {
    ...{ backupId: BACKUP, segment: record.key, indexSha256: record.index.sha256 },
    minima: new Map([[0, FIRST_MS]]),
  }
  const damaged = encodeMinima(right)
  damaged[damaged.indexOf(String(FIRST_MS)) + 3]! ^= 1
  const cases: readonly (readonly [what: string, bytes: Buffer])[] = [
    ['a changed digit', damaged],
    ['a cut document', encodeMinima(right).subarray(0, -20)],
    ['another backup', encodeMinima({ ...right, backupId: 'weekly' })],
    ['another segment', encodeMinima({ ...right, segment: record.key.replace('0000000001', '0000000002') })],
    ['another index', encodeMinima({ ...right, indexSha256: 'ab'.repeat(32) })],
    [
      'a frame that is not there',
      encodeMinima({
        ...right,
        minima: new Map([
          [0, FIRST_MS],
          [3, FIRST_MS],
        ]),
      }),
    ],
    ['above the maximum', encodeMinima({ ...right, minima: new Map([[0, FIRST_MS + 4_001n]]) })],
  ]
  for (const [what, bytes] of cases) {
    const storage = new MemoryBackend('case')
    const own = await writeArchive(storage)
    assert.deepEqual(own, record)
    await storage.put(minimaKey(record.key, 1), bytes)
    assert.deepEqual(await kept(storage, record), [], what)
    // It is told of, and what stands behind it still counts.
    await storage.put(minimaKey(record.key, 2), encodeMinima(right))
    assert.deepEqual(await kept(storage, record), [[0, FIRST_MS]], what)
  }
})

test('what the index knows stands above what is kept beside it', async () => {
  const storage = new MemoryBackend('known')
  const record = await writeArchive(storage)
  await keepMinima(
    storage,
    BACKUP,
    record,
    new Map([
      [1, SECOND_MS],
      [2, FIRST_MS],
    ]),
  )
  assert.deepEqual(await kept(storage, record), [[1, SECOND_MS]])
})

test('validation compares kept minima with the frames, and tells of those that nobody uses', async () => {
  for (const [minMs, verdict] of [
    [SECOND_MS, 'complete'],
    [SECOND_MS + 1n, 'damaged'],
  ] as const) {
    const storage = new MemoryBackend('validated')
    const record = await writeArchive(storage)
    await keepMinima(storage, BACKUP, record, new Map([[1, minMs]]))
    const report = await validate(storage)
    assert.equal(report.verdict, verdict)
    assert.equal(report.findings.length, verdict === 'complete' ? 0 : 1)
    if (verdict === 'damaged')
      assert.match(report.findings[0]!.message, /frame 1: minTimestampMs .* beside the segment/)
    assert.equal((await validate(storage, { isDeep: false })).verdict, 'complete')
  }
  const storage = new MemoryBackend('unused')
  const record = await writeArchive(storage)
  await storage.put(minimaKey(record.key, 1), Buffer.from('{}\n'))
  const stray = minimaKey(record.key.replace('0000000001', '0000000007'), 1)
  await storage.put(stray, Buffer.from('{}\n'))
  const report = await validate(storage)
  assert.deepEqual([report.verdict, report.orphans.objects], ['complete', 0])
  assert.deepEqual(
    report.findings.map(({ severity, key, message }) => [severity, key, /nobody uses/.test(message)]),
    [
      ['note', minimaKey(record.key, 1), true],
      ['note', stray, true],
    ],
  )
})

test('kept minima go with their segment, also when it went before them', async () => {
  const storage = new MemoryBackend('pruned')
  const state = await writeRuns(storage, 3)
  const minima = state.segments.map(({ key }) => minimaKey(key, 1))
  for (const record of state.segments) await keepMinima(storage, BACKUP, record, new Map([[0, FIRST_MS]]))
  const beforeMs = FIRST_MS + 10_000n
  const waiting = await prune(storage, { beforeMs, graceMs: 3_600_000 })
  assert.deepEqual(waiting.waiting.map(({ key }) => key).sort(), [state.segments[0]!.key, minima[0]])
  const during = await validate(storage, { isDeep: false })
  assert.deepEqual([during.pruned.objects, during.orphans.objects, during.findings], [2, 0, []])
  // As by a prune that was killed between two deletions.
  await storage.delete(state.segments[0]!.key)
  const done = await prune(storage, { beforeMs })
  assert.deepEqual(
    done.deleted.map(({ key }) => key),
    [minima[0]],
  )
  const left = await Promise.all(minima.map(async (key) => (await storage.stat(key)) !== undefined))
  assert.deepEqual(left, [false, true, true, true, true, true])
})
