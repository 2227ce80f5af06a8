import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import type { KafkaRecord } from '../../src/protocol/record.ts'
import { countRecords, type ReadWish, readPartition } from '../../src/read/read-partition.ts'
import { type PartitionReading, planReading, type ReadSelection } from '../../src/read/read-plan.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { isInWindow, type TimeWindow } from '../../src/restore/time-window.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { prng } from '../protocol/prng.ts'
import { marker } from '../protocol/samples.ts'
import { writeRandomArchive } from '../restore/random-archive.ts'
import { BACKUP, dataBatch, draft, TRANSFORMS, writeSegment } from '../verify/archive-writer.ts'
import { openMemoryStore } from '../verify/tamperable-store.ts'

const FRAMES = 40
const SEGMENTS = 10
const PER_FRAME = 100

/** Counts what is read by range, as segments are. */
class CountingBackend extends MemoryBackend {
  requests = 0
  bytes = 0

  override async readRange(...args: Parameters<MemoryBackend['readRange']>): Promise<Buffer> {
    const found = await super.readRange(...args)
    this.requests++
    this.bytes += found.length
    return found
  }
}

function optionsOf(storage: StorageBackend) {
  return { storage, backupId: BACKUP, transforms: TRANSFORMS, signal: new AbortController().signal }
}

function readingsOf(state: BackupState, selection: Partial<ReadSelection> = {}): readonly PartitionReading[] {
  return planReading(state, { topics: [...state.topics.keys()], window: null, ...selection })
}

async function readAll(
  storage: StorageBackend,
  reading: PartitionReading,
  wish: ReadWish,
): Promise<{ readonly records: KafkaRecord[]; readonly lacks: number; readonly failure: unknown }> {
  const records: KafkaRecord[] = []
  let lacks = 0
  try {
    for await (const step of readPartition(optionsOf(storage), reading, wish)) {
      if (step.kind === 'lack') lacks++
      else records.push(...step.records)
    }
  } catch (failure) {
    return { records, lacks, failure }
  }
  return { records, lacks, failure: undefined }
}

/** `orders/0` in segments of many frames, with a gap between the fifth and the sixth. */
async function writeLargeLog(storage: StorageBackend): Promise<BackupState> {
  const segments = []
  let offset = 0n
  for (let sequence = 1; sequence <= SEGMENTS; sequence++) {
    if (sequence === 6) offset += 1_000n
    const beginOffset = offset
    const frames = Array.from({ length: FRAMES }, () => {
      const batches = [dataBatch(offset, PER_FRAME)]
      offset += BigInt(PER_FRAME)
      return { batches }
    })
    const streams = [{ topic: 'orders', topicId: null, partition: 0 }]
    const extents = [{ beginOffset, holes: [] }]
    segments.push(await writeSegment(storage, { streams, extents, frames, sequence }))
  }
  const gapBegin = BigInt(5 * FRAMES * PER_FRAME)
  const state = new BackupState(BACKUP)
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
  const place = { topic: 'orders', partition: 0, lineage: 1, reason: 'deleted_before_read' } as const
  const gaps = [{ ...place, firstOffset: gapBegin, endOffset: gapBegin + 1_000n }]
  await appendCommit(storage, state, draft('run-1', 'complete', { topics, begins, segments, gaps }))
  return state
}

for (const seed of [1, 2]) {
  test(`reads, counts and ends as a reader of committed records would (seed ${seed})`, async () => {
    const random = prng(seed)
    const storage = new MemoryBackend(`read-${seed}`)
    const { state, committed } = await writeRandomArchive(storage, random, { orders: 2, audit: 1 })
    const windows: (TimeWindow | null)[] = [
      null,
      { fromMs: 2_000n, toMs: 4_000n },
      { fromMs: 9_000n, toMs: null },
    ]
    for (const window of windows) {
      for (const cut of [false, true]) {
        const all = committed.get('orders/1') ?? []
        const [first, last] = [
          all[Math.floor(all.length / 3)]!.offset,
          all[Math.floor(all.length / 2)]!.offset,
        ]
        const range = { topic: 'orders', partition: 1, firstOffset: first, lastOffset: last }
        const selection = { window, ...(cut ? { offsetRanges: [range] } : {}) }
        for (const reading of readingsOf(state, selection)) {
          const isCut = cut && reading.topic === 'orders' && reading.partition === 1
          const expected = (committed.get(`${reading.topic}/${reading.partition}`) ?? [])
            .filter(({ timestamp }) => window === null || isInWindow(window, timestamp))
            .filter(({ offset }) => !isCut || (offset >= first && offset <= last))
          const { records, failure } = await readAll(storage, reading, { window })
          assert.equal(failure, undefined)
          assert.deepEqual(records, expected)
          assert.equal(await countRecords(optionsOf(storage), reading, window), expected.length)
          const tail = await readAll(storage, reading, { window, lastRecords: 7 })
          assert.deepEqual(tail.records, expected.slice(-7))
        }
      }
    }
  })
}

test('the first and the last records of a large partition cost a handful of requests', async () => {
  const storage = new CountingBackend('first')
  const state = await writeLargeLog(storage)
  const [reading] = readingsOf(state)
  const frameBytes = 2 * (reading!.parts[0]!.part.storedBytes / FRAMES)
  const measured = async (read: () => Promise<unknown>) => {
    const { requests, bytes } = storage
    await read()
    return { requests: storage.requests - requests, bytes: storage.bytes - bytes }
  }
  const first = await measured(async () => {
    const steps = readPartition(optionsOf(storage), reading!, { window: null })
    const step = await steps.next()
    assert.equal(step.value?.kind, 'records')
    await steps.return()
  })
  // Index and header of one segment, its first frame, and one that is read ahead.
  assert.ok(first.requests <= 4, `${first.requests} requests`)
  const last = await measured(() => readAll(storage, reading!, { window: null, lastRecords: 5 }))
  assert.ok(last.requests <= 3, `${last.requests} requests`)
  const counted = await measured(() => countRecords(optionsOf(storage), reading!, null))
  assert.deepEqual(counted, { requests: 0, bytes: 0 })
  const middle = BigInt(2 * FRAMES * PER_FRAME + 150)
  const range = { topic: 'orders', partition: 0, firstOffset: middle, lastOffset: middle + 10n }
  const [cut] = readingsOf(state, { offsetRanges: [range] })
  const some = await measured(() => readAll(storage, cut!, { window: null }))
  assert.ok(some.requests <= 3, `${some.requests} requests`)
  assert.ok(some.bytes < frameBytes + 20_000, `${some.bytes} bytes`)
})

test('what holds no committed record is not read to be counted', async () => {
  const storage = new CountingBackend('markers')
  const streams = [{ topic: 'orders', topicId: null, partition: 0 }]
  const batches = [dataBatch(0n, 2, { producerId: 7n }), marker('abort', 2n, 7n)]
  const aborted = [{ stream: 0, producerId: 7n, firstOffset: 0n, endOffset: 3n }]
  const extents = [{ beginOffset: 0n, holes: [] }]
  const frames = [{ batches }]
  const segments = [await writeSegment(storage, { streams, extents, frames, aborted, sequence: 1 })]
  const state = new BackupState(BACKUP)
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
  await appendCommit(storage, state, draft('run-1', 'complete', { topics, begins, segments }))
  const [reading] = readingsOf(state)
  storage.requests = 0
  assert.equal(await countRecords(optionsOf(storage), reading!, null), 0)
  assert.equal(storage.requests, 0)
  assert.deepEqual((await readAll(storage, reading!, { window: null })).records, [])
})

test('a gap is told where a reader comes by it, and not where it does not', async () => {
  const storage = new MemoryBackend('gap')
  const state = await writeLargeLog(storage)
  const [reading] = readingsOf(state)
  const kinds: string[] = []
  for await (const step of readPartition(optionsOf(storage), reading!, { window: null }))
    kinds.push(step.kind)
  assert.equal(kinds.indexOf('lack'), 5 * FRAMES)
  assert.equal(kinds.filter((kind) => kind === 'lack').length, 1)
  assert.equal((await readAll(storage, reading!, { window: null, lastRecords: 10 })).lacks, 0)
  const range = { topic: 'orders', partition: 0, firstOffset: 0n, lastOffset: 500n }
  const [before] = readingsOf(state, { offsetRanges: [range] })
  assert.equal((await readAll(storage, before!, { window: null })).lacks, 0)
})

test('what lies before damage is given before the error', async () => {
  const store = await openMemoryStore()
  const state = await writeLargeLog(store.backend)
  const [reading] = readingsOf(state)
  const second = state.segments[1]!
  const whole = await store.read(second.key)
  const perSegment = FRAMES * PER_FRAME
  for (const [position, expected] of [
    [second.index.position + 40, perSegment],
    [second.index.position - 40, 2 * perSegment - PER_FRAME],
  ] as const) {
    const hurt = Buffer.from(whole)
    hurt[position] = hurt[position]! ^ 1
    await store.write(second.key, hurt)
    const { records, failure } = await readAll(store.backend, reading!, { window: null })
    assert.equal((failure as { code?: string } | undefined)?.code, 'KB_SEGMENT_CORRUPT')
    assert.match(String(failure), new RegExp(second.key))
    assert.equal(records.length, expected)
  }
})
