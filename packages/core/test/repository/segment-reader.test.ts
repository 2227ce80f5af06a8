import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../../src/errors/error-codes.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { SegmentRecord } from '../../src/format/segment-record.ts'
import { SegmentReader } from '../../src/repository/segment-reader.ts'
import { SegmentUpload } from '../../src/repository/segment-upload.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { altered } from '../verify/altered-backend.ts'
import { AUDIT_0, BACKUP, dataBatch, ORDERS_0, TRANSFORMS, writeSegment } from '../verify/archive-writer.ts'
import { STORES, withStore } from '../verify/tamperable-store.ts'

const BATCHES = [dataBatch(0n, 4), dataBatch(4n, 5), dataBatch(9n, 6)] as const

function write(storage: StorageBackend): Promise<SegmentRecord> {
  return writeSegment(storage, {
    streams: [ORDERS_0],
    sequence: 1,
    extents: [{ beginOffset: 0n, holes: [] }],
    frames: [{ batches: [BATCHES[0], BATCHES[1]] }, { batches: [BATCHES[2]], mode: 'compressed' }],
  })
}

function open(storage: StorageBackend, record: SegmentRecord, backup = BACKUP, transforms = TRANSFORMS) {
  return SegmentReader.open(storage, backup, record, transforms)
}

function rejectsWith(code: ErrorCode, action: Promise<unknown>, key: string): Promise<void> {
  return assert.rejects(action, (error) => {
    assert.ok(isKafkaBackupError(error, code), String(error))
    assert.equal(error.context.key, key)
    return true
  })
}

for (const kind of Object.keys(STORES) as (keyof typeof STORES)[]) {
  test(`what was uploaded is read back by frame (${kind})`, () =>
    withStore(kind, async ({ backend }) => {
      const record = await write(backend)
      assert.equal((await backend.stat(record.key))?.bytes, record.bytes)
      const reader = await open(backend, record)
      assert.deepEqual(reader.header.streams, [ORDERS_0])
      const [first, second] = reader.index.frames
      assert.ok(first && second)
      assert.deepEqual(await reader.readBatches(second), BATCHES[2])
      assert.deepEqual(await reader.readBatches(first), Buffer.concat([BATCHES[0], BATCHES[1]]))
      assert.equal((await reader.readStored(second)).length, second.bytes)
      assert.deepEqual(
        [record.parts[0]?.records, record.parts[0]?.rawBytes],
        [15, BATCHES.reduce((sum, batch) => sum + batch.length, 0)],
      )
    }))
}

test('a segment that is not the one of the record is refused', () =>
  withStore('memory', async (store) => {
    const record = await write(store.backend)
    const { key } = record
    await rejectsWith('KB_SEGMENT_CORRUPT', open(store.backend, record, 'other'), key)
    const [part] = record.parts
    assert.ok(part)
    const parts = [{ ...part, partition: 1 }]
    await rejectsWith('KB_SEGMENT_CORRUPT', open(store.backend, { ...record, parts }), key)
    await rejectsWith('KB_SEGMENT_CORRUPT', open(store.backend, { ...record, parts: [part, part] }), key)
    const index = { ...record.index, sha256: '0'.repeat(64) }
    await rejectsWith('KB_SEGMENT_CORRUPT', open(store.backend, { ...record, index }), key)
    const large = { ...record.index, bytes: LIMITS.segmentIndexMaxBytes + 1 }
    await rejectsWith('KB_LIMIT_EXCEEDED', open(store.backend, { ...record, index: large }), key)
    await rejectsWith('KB_TRANSFORM_UNAVAILABLE', open(store.backend, record, BACKUP, new Map()), key)
    await store.remove(key)
    await rejectsWith('KB_OBJECT_NOT_FOUND', open(store.backend, record), key)
  }))

test('a frame that changed after it was written is not decoded', () =>
  withStore('memory', async (store) => {
    const record = await write(store.backend)
    const reader = await open(store.backend, record)
    const [first, second] = reader.index.frames
    assert.ok(first && second)
    const bytes = await store.read(record.key)
    bytes[second.position + 4]! ^= 0x10
    await store.write(record.key, bytes)
    await rejectsWith('KB_SEGMENT_CORRUPT', reader.readBatches(second), record.key)
    assert.equal((await reader.readBatches(first)).length, first.rawBytes)
  }))

test('an upload that fails or is aborted leaves nothing', () =>
  withStore('memory', async ({ backend }) => {
    const header = {
      backupId: BACKUP,
      writer: '00000001',
      sequence: 1,
      createdAtMs: 0n,
      transforms: ['zstd'],
      streams: [ORDERS_0],
    }
    const upload = await SegmentUpload.begin(backend, 'daily/x', header)
    await upload.abort()
    assert.equal(await backend.stat('daily/x'), undefined)
    let aborts = 0
    const failing = altered(backend, {
      openWrite: async () => ({
        write: async () => {
          throw new Error('cut off')
        },
        commit: async () => undefined,
        abort: async () => {
          aborts++
        },
      }),
    })
    await assert.rejects(SegmentUpload.begin(failing, 'daily/x', header), /cut off/)
    assert.equal(aborts, 1)
  }))

test('the parts of a bundle are summed from their own frames', () =>
  withStore('memory', async ({ backend }) => {
    const record = await writeSegment(backend, {
      streams: [ORDERS_0, AUDIT_0],
      sequence: 1,
      extents: [
        { beginOffset: 0n, holes: [] },
        { beginOffset: 40n, holes: [[40n, 50n]] },
      ],
      frames: [
        { stream: 0, batches: [dataBatch(0n, 2, { epoch: 1 })] },
        {
          stream: 0,
          batches: [dataBatch(2n, 3, { codec: 'gzip', epoch: 1 }), dataBatch(5n, 1, { epoch: 2 })],
        },
        { stream: 1, batches: [dataBatch(50n, 7)] },
      ],
    })
    const [orders, audit] = record.parts
    assert.ok(orders && audit)
    assert.deepEqual([orders.frames, orders.records, orders.nextOffset], [[0, 2], 6, 6n])
    assert.deepEqual(orders.leaderEpochs, [
      [1, 0n],
      [2, 5n],
    ])
    // One compressed batch is enough for the whole part not to know its smallest timestamp.
    assert.equal(orders.minTimestampMs, null)
    assert.deepEqual([audit.frames, audit.firstOffset, audit.beginOffset], [[2, 3], 50n, 40n])
    assert.equal(audit.minTimestampMs, 1_700_000_050_000n)
  }))
