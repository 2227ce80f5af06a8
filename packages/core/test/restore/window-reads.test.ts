import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { SegmentReader } from '../../src/repository/segment-reader.ts'
import { beginAtFirstRecords } from '../../src/restore/first-records.ts'
import { planRestore } from '../../src/restore/restore-plan.ts'
import { coverageOf, type TimeWindow } from '../../src/restore/time-window.ts'
import { readWork, readWorkRecords } from '../../src/restore/work-stream.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { MeteredBackend } from '../../src/storage/metered-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { prng } from '../protocol/prng.ts'
import { record } from '../protocol/samples.ts'
import { BACKUP, draft, TRANSFORMS, writeSegment } from '../verify/archive-writer.ts'

const RECORDS_PER_FRAME = 256
const FRAMES_PER_SEGMENT = 32
const SEGMENTS = 8
const SECOND_MS = 1000n

/** A record each second, values that no codec shrinks; every hundredth record is ten minutes late. */
async function writeLog(storage: MeteredBackend): Promise<BackupState> {
  const random = prng(5)
  const segments = []
  let offset = 0n
  for (let sequence = 1; sequence <= SEGMENTS; sequence++) {
    const beginOffset = offset
    const frames = Array.from({ length: FRAMES_PER_SEGMENT }, () => {
      const records = Array.from({ length: RECORDS_PER_FRAME }, (_, at) => {
        const time = (offset + BigInt(at)) * SECOND_MS + 1_000_000n
        return record({ timestamp: at % 100 === 99 ? time - 600_000n : time, value: random.bytes(512) })
      })
      const batch = buildBatch({ baseOffset: offset, records })
      offset += BigInt(RECORDS_PER_FRAME)
      return { batches: [batch] }
    })
    const streams = [{ topic: 'orders', topicId: null, partition: 0 }]
    segments.push(
      await writeSegment(storage, { streams, extents: [{ beginOffset, holes: [] }], frames, sequence }),
    )
  }
  const state = new BackupState(BACKUP)
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
  await appendCommit(storage, state, draft('run-1', 'complete', { topics, begins, segments }))
  return state
}

function readingOptions(storage: StorageBackend) {
  const { signal } = new AbortController()
  const limits = { batchMaxBytes: new Map(), topicCodecs: new Map() }
  return { storage, backupId: BACKUP, transforms: TRANSFORMS, signal, ...limits }
}

async function overlappingBytes(
  storage: MeteredBackend,
  state: BackupState,
  window: TimeWindow,
): Promise<number> {
  let bytes = 0
  for (const segment of state.segments) {
    const { index } = await SegmentReader.open(storage, BACKUP, segment, TRANSFORMS)
    for (const frame of index.frames) if (coverageOf(window, frame) !== 'outside') bytes += frame.bytes
  }
  return bytes
}

test('a window reads hardly more than the frames that overlap it', async (context) => {
  const storage = new MeteredBackend(new MemoryBackend('window'))
  const state = await writeLog(storage)
  const options = readingOptions(storage)
  for (const [first, count] of [
    [10_000n, 3_000n],
    [20_000n, 30_000n],
    [60_000n, 100_000n],
  ] as const) {
    const fromMs = 1_000_000n + first * SECOND_MS
    const window = { fromMs, toMs: fromMs + count * SECOND_MS }
    const plan = planRestore(state, { topics: undefined, topicMapping: new Map(), window })
    const overlapping = await overlappingBytes(storage, state, window)
    const before = storage.usage.bytesRead
    let records = 0
    for await (const { batch } of readWork(options, plan, plan.works[0]!, [0n])) records += batch.records
    assert.ok(records > 0)
    const factor = (storage.usage.bytesRead - before) / overlapping
    context.diagnostic(`bytes read / bytes of overlapping frames: ${factor.toFixed(3)} (${records} records)`)
    assert.ok(factor <= 1.2, `read ${factor} times what overlaps`)
  }
})

test('a window takes the record at the very millisecond where it begins or ends', async () => {
  const storage = new MemoryBackend('edges')
  const batches = [0, 10].map((first) =>
    buildBatch({
      baseOffset: BigInt(first),
      records: Array.from({ length: 10 }, (_, at) => record({ timestamp: BigInt(100 + first + at) })),
    }),
  )
  const streams = [{ topic: 'orders', topicId: null, partition: 0 }]
  const extents = [{ beginOffset: 0n, holes: [] }]
  const segments = [await writeSegment(storage, { streams, extents, frames: [{ batches }], sequence: 1 })]
  const state = new BackupState(BACKUP)
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
  await appendCommit(storage, state, draft('run-1', 'complete', { topics, begins, segments }))
  const options = readingOptions(storage)
  const offsetsIn = async (fromMs: bigint | null, toMs: bigint | null) => {
    const plan = planRestore(state, { topics: undefined, topicMapping: new Map(), window: { fromMs, toMs } })
    const offsets: bigint[] = []
    for await (const { record: found } of readWorkRecords(options, plan, plan.works[0]!, [0n]))
      offsets.push(found.offset)
    return [offsets[0], offsets.at(-1), offsets.length]
  }
  assert.deepEqual(await offsetsIn(109n, null), [9n, 19n, 11])
  assert.deepEqual(await offsetsIn(110n, null), [10n, 19n, 10])
  assert.deepEqual(await offsetsIn(119n, null), [19n, 19n, 1])
  assert.deepEqual(await offsetsIn(null, 110n), [0n, 10n, 11])
  assert.deepEqual(await offsetsIn(null, 100n), [0n, 0n, 1])
  assert.deepEqual(await offsetsIn(105n, 105n), [5n, 5n, 1])
  assert.deepEqual(await offsetsIn(120n, null), [undefined, undefined, 0])
})

test('what was restored already is passed over without reading it', async () => {
  const storage = new MeteredBackend(new MemoryBackend('begin'))
  const state = await writeLog(storage)
  const plan = planRestore(state, { topics: undefined, topicMapping: new Map() })
  const options = readingOptions(storage)
  const before = storage.usage.bytesRead
  const begin = BigInt(plan.records - 300)
  let records = 0
  for await (const { batch } of readWork(options, plan, plan.works[0]!, [begin])) records += batch.records
  assert.equal(records, 300)
  const read = storage.usage.bytesRead - before
  assert.ok(read < plan.storedBytes / 20, `${read} bytes of ${plan.storedBytes}`)
})

test('where records keep their offsets, a partition that is cut begins with its first record', async () => {
  const storage = new MeteredBackend(new MemoryBackend('first'))
  const state = await writeLog(storage)
  const options = { storage, transforms: TRANSFORMS, signal: new AbortController().signal }
  const beginOf = async (fromMs: bigint | null, firstOffset: bigint | null, isKeepingOffsets = true) => {
    const range = { topic: 'orders', partition: 0, firstOffset, lastOffset: null }
    const asked = planRestore(state, {
      ...{ topics: undefined, topicMapping: new Map(), isKeepingOffsets },
      ...{ window: { fromMs, toMs: null }, offsetRanges: [range] },
    })
    const plan = await beginAtFirstRecords(options, asked)
    assert.equal(plan.planSha256, asked.planSha256)
    return plan.partitions[0]?.offsets.beginOffset
  }
  // In the second segment, whose first offset is 8,192.
  const from = 1_000_000n + 10_000n * SECOND_MS
  assert.equal(await beginOf(from, null), 10_000n)
  assert.equal(await beginOf(from, 10_010n), 10_010n)
  assert.equal(await beginOf(null, 10_010n), 10_010n)
  assert.equal(await beginOf(null, null), 0n)
  assert.equal(await beginOf(from, null, false), 8_192n)
})
