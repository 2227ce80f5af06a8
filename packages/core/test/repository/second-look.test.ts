import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { appendCommit, readCommit } from '../../src/repository/commit-log.ts'
import { assertCreatesOnce } from '../../src/repository/exclusive-creation.ts'
import { commitKey } from '../../src/repository/key-layout.ts'
import { SegmentReader } from '../../src/repository/segment-reader.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { SleepyClock } from '../storage/sleepy-clock.ts'
import { altered } from '../verify/altered-backend.ts'
import { BACKUP, dataBatch, draft, ORDERS_0, TRANSFORMS, writeSegment } from '../verify/archive-writer.ts'

/** Spoils a byte of reads: of the first one, of every one in the same way, or of every one in another way. */
function spoiling(inner: StorageBackend, how: 'first' | 'same' | 'other') {
  let reads = 0
  const spoil = (bytes: Buffer): Buffer => {
    reads++
    const copy = Buffer.from(bytes)
    const at = how === 'other' ? copy.length - 1 - reads : copy.length >> 1
    if (how !== 'first' || reads === 1) copy[at] = (copy[at] ?? 0) ^ 0x10
    return copy
  }
  const backend = altered(inner, {
    read: async (key, maxBytes) => spoil(await inner.read(key, maxBytes)),
    readRange: async (key, range) => spoil(await inner.readRange(key, range)),
  })
  return { backend, reads: () => reads }
}

async function oneSegment() {
  const store = new MemoryBackend('test')
  const record = await writeSegment(store, {
    streams: [ORDERS_0],
    sequence: 1,
    extents: [{ beginOffset: 0n, holes: [] }],
    frames: [{ batches: [dataBatch(0n, 4)] }],
  })
  return { store, record }
}

async function oneCommit() {
  const store = new MemoryBackend('test')
  const state = new BackupState(BACKUP)
  await appendCommit(store, state, draft('first', 'complete', {}))
  return { store, state }
}

const isOf = (code: string) => (error: unknown) => isKafkaBackupError(error) && error.code === code

test('a frame, an index and a header that were damaged on the way are read once more', async () => {
  const { store, record } = await oneSegment()
  const index = spoiling(store, 'first')
  const reader = await SegmentReader.open(index.backend, BACKUP, record, TRANSFORMS)
  assert.equal(index.reads(), 3)
  const [frame] = reader.index.frames
  assert.ok(frame)
  let spoilt = 0
  const late = altered(store, {
    readRange: async (key, range) => {
      const bytes = Buffer.from(await store.readRange(key, range))
      if (range.begin === frame.position && spoilt++ < 2) bytes[spoilt] = (bytes[spoilt] ?? 0) ^ 1
      return bytes
    },
  })
  const again = await SegmentReader.open(late, BACKUP, record, TRANSFORMS)
  assert.deepEqual(await again.readBatches(frame), dataBatch(0n, 4))
  assert.equal(spoilt, 3)
})

test('a segment that is damaged where it lies is told after a second look, and after three when the way spoils each', async () => {
  const { store, record } = await oneSegment()
  for (const [how, reads] of [
    ['same', 2],
    ['other', 3],
  ] as const) {
    const spoilt = spoiling(store, how)
    const opening = SegmentReader.open(spoilt.backend, BACKUP, record, TRANSFORMS)
    await assert.rejects(opening, isOf('KB_SEGMENT_CORRUPT'))
    assert.equal(spoilt.reads(), reads)
  }
})

test('a commit that was damaged on the way is read once more', async () => {
  const { store } = await oneCommit()
  let reads = 0
  const spoilt = altered(store, {
    read: async (key, maxBytes) => {
      const bytes = Buffer.from(await store.read(key, maxBytes))
      if (++reads === 1) bytes[0] = 0x20
      return bytes
    },
  })
  assert.equal((await readCommit(spoilt, BACKUP, 1n)).commit.number, 1n)
  assert.equal(reads, 2)
})

test('a store that keeps the condition is asked once, and is left as it is', async () => {
  const { store, state } = await oneCommit()
  let puts = 0
  const counted = altered(store, {
    put: (key, bytes) => {
      puts++
      return store.put(key, bytes)
    },
  })
  await assertCreatesOnce(counted, state, systemClock)
  assert.equal(puts, 1)
})

test('a store that ignores the condition is refused, and a lost answer is no reason to', async () => {
  const { store, state } = await oneCommit()
  const clock = new SleepyClock()
  let modifiedMs = 1
  const ignoring = altered(store, {
    put: async () => void modifiedMs++,
    stat: async (key) => ({ key, bytes: 1, modifiedMs }),
  })
  await assert.rejects(assertCreatesOnce(ignoring, state, clock), isOf('KB_STORAGE_UNSUPPORTED'))
  const unsure = altered(store, { put: async () => undefined })
  await assertCreatesOnce(unsure, state, clock)
  assert.ok((await store.stat(commitKey(BACKUP, 1n))) !== undefined)
})

test('what was damaged on the way is not written over a commit, whatever the store ignores', async () => {
  const { store, state } = await oneCommit()
  const key = commitKey(BACKUP, 1n)
  const whole = await store.read(key, LIMITS.commitMaxBytes)
  const ignoring = altered(store, {
    put: (name, bytes) => store.replace(name, bytes),
    read: async () => Buffer.from(whole).fill(0x20, 0, 1),
  })
  await assertCreatesOnce(ignoring, state, new SleepyClock())
  assert.deepEqual(await store.read(key, LIMITS.commitMaxBytes), whole)
})

test('a second put that is refused says enough, also where something else gives the object another time', async () => {
  const { store, state } = await oneCommit()
  let puts = 0
  let modifiedMs = 1
  const touched = altered(store, {
    // The answer to the first one was lost, and its repetition found the bytes.
    put: async (key, bytes) => (++puts === 1 ? undefined : store.put(key, bytes)),
    stat: async (key) => ({ key, bytes: 1, modifiedMs: modifiedMs++ }),
  })
  await assertCreatesOnce(touched, state, new SleepyClock())
  assert.equal(puts, 2)
})
