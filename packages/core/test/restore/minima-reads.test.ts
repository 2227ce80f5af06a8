import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noMinima } from '../../src/backup/minimum-finder.ts'
import { MinimumThread } from '../../src/backup/minimum-thread.ts'
import type { BackupState } from '../../src/format/backup-state.ts'
import { minTimestampOfFrame } from '../../src/format/frame-minimum.ts'
import type { FrameEntry } from '../../src/format/segment-index.ts'
import { minimaKey } from '../../src/repository/key-layout.ts'
import { SegmentReader } from '../../src/repository/segment-reader.ts'
import { LearnedMinima } from '../../src/restore/learned-minima.ts'
import { planRestore } from '../../src/restore/restore-plan.ts'
import { coverageOf, isInWindow, type TimeWindow } from '../../src/restore/time-window.ts'
import { readWork, readWorkRecords } from '../../src/restore/work-stream.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { MeteredBackend } from '../../src/storage/metered-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { altered } from '../verify/altered-backend.ts'
import { BACKUP, TRANSFORMS, validate } from '../verify/archive-writer.ts'
import { backUpCompressed, RECORDS, timestampOf } from './compressed-log.ts'

const CODECS = ['lz4', 'zstd', 'snappy', 'gzip'] as const
const FACTOR_MAX = 1.2
/** A tenth of the log, in its middle. */
const WINDOW: TimeWindow = { fromMs: timestampOf(5_700), toMs: timestampOf(7_000) }
const EXPECTED = Array.from({ length: RECORDS }, (_, offset) => offset).filter((offset) =>
  isInWindow(WINDOW, timestampOf(offset)),
)

async function framesOf(storage: StorageBackend, state: BackupState) {
  const frames: { readonly entry: FrameEntry; readonly minMs: bigint | null }[] = []
  for (const segment of state.segments) {
    const reader = await SegmentReader.open(storage, BACKUP, segment, TRANSFORMS)
    for (const entry of reader.index.frames)
      frames.push({ entry, minMs: minTimestampOfFrame(await reader.readBatches(entry), 1e8) })
  }
  return frames
}

/** Bytes of the frames that hold a record which the window might take. */
async function overlappingBytes(storage: StorageBackend, state: BackupState): Promise<number> {
  let bytes = 0
  for (const { entry, minMs } of await framesOf(storage, state)) {
    const times = { minTimestampMs: minMs, maxTimestampMs: entry.maxTimestampMs }
    if (coverageOf(WINDOW, times) !== 'outside') bytes += entry.bytes
  }
  return bytes
}

function optionsOf(storage: StorageBackend, learned?: LearnedMinima) {
  const { signal } = new AbortController()
  const limits = { batchMaxBytes: new Map(), topicCodecs: new Map() }
  return { storage, backupId: BACKUP, transforms: TRANSFORMS, learned, signal, ...limits }
}

function planOf(state: BackupState) {
  return planRestore(state, { topics: undefined, topicMapping: new Map(), window: WINDOW })
}

/** Reads the window as a restore does; what was read by how much of it was needed. */
async function factorOf(
  storage: MeteredBackend,
  state: BackupState,
  learned?: LearnedMinima,
): Promise<number> {
  const overlapping = await overlappingBytes(storage, state)
  const plan = planOf(state)
  const before = storage.usage.bytesRead
  let records = 0
  for await (const { batch } of readWork(optionsOf(storage, learned), plan, plan.works[0]!, [0n]))
    records += batch.records
  assert.equal(records, EXPECTED.length)
  return (storage.usage.bytesRead - before) / overlapping
}

async function offsetsRead(storage: StorageBackend, state: BackupState): Promise<number[]> {
  const plan = planOf(state)
  const offsets: number[] = []
  for await (const { record } of readWorkRecords(optionsOf(storage), plan, plan.works[0]!, [0n]))
    offsets.push(Number(record.offset))
  return offsets
}

for (const codec of CODECS) {
  test(`of a topic that producers compress with ${codec}, a window reads what overlaps it`, async (context) => {
    const minima = new MinimumThread({ count: () => 1 })
    const storage = new MeteredBackend(new MemoryBackend(codec))
    const state = await backUpCompressed(storage, codec, minima)
    await minima.close()
    const frames = await framesOf(storage, state)
    const known = frames.filter(({ entry }) => entry.minTimestampMs !== null)
    for (const { entry, minMs } of known) assert.equal(entry.minTimestampMs, minMs)
    const unknown = new MeteredBackend(new MemoryBackend(codec))
    const factorUnknown = await factorOf(unknown, await backUpCompressed(unknown, codec, noMinima))
    const factor = await factorOf(storage, state)
    context.diagnostic(
      `${codec}: minima of ${known.length} of ${frames.length} frames; bytes read / bytes of overlapping frames: ${factor.toFixed(3)}, without minima ${factorUnknown.toFixed(3)}`,
    )
    assert.equal(known.length, frames.length)
    assert.ok(factor <= FACTOR_MAX, `read ${factor} times what overlaps`)
    assert.deepEqual(await offsetsRead(storage, state), EXPECTED)
  })
}

test('the first window that asks keeps the minima it finds, and the second reads what overlaps it', async (context) => {
  const storage = new MeteredBackend(new MemoryBackend('kept'))
  const state = await backUpCompressed(storage, 'lz4')
  const learned = new LearnedMinima()
  const first = await factorOf(storage, state, learned)
  await learned.keep(storage, BACKUP, systemClock)
  const second = await factorOf(storage, state)
  context.diagnostic(`first window ${first.toFixed(3)}, second window ${second.toFixed(3)}`)
  assert.ok(first > 2)
  assert.ok(second <= FACTOR_MAX, `read ${second} times what overlaps`)
  assert.deepEqual(await offsetsRead(storage, state), EXPECTED)
  const report = await validate(storage)
  assert.equal(report.verdict, 'complete')
  assert.deepEqual(
    report.findings.filter(({ key }) => !key.endsWith('manifest.json')),
    [],
  )
})

test('where nothing may be written, the restore goes on without keeping', async () => {
  const inner = new MemoryBackend('read-only')
  const state = await backUpCompressed(inner, 'lz4')
  const learned = new LearnedMinima()
  let refusals = 0
  const readOnly = altered(inner, {
    put: () => {
      refusals++
      return Promise.reject(new Error('read only'))
    },
  })
  assert.ok((await factorOf(new MeteredBackend(readOnly), state, learned)) > 2)
  await learned.keep(readOnly, BACKUP, systemClock)
  assert.ok(refusals > 0)
  const keys = state.segments.map(({ key }) => minimaKey(key, 1))
  assert.deepEqual(
    await Promise.all(keys.map((key) => inner.stat(key))),
    keys.map(() => undefined),
  )
})
