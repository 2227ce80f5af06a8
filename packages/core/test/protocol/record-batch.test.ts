import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sealBatch } from '../../src/protocol/batch-patch.ts'
import {
  assertBatch,
  BATCH_FIELD,
  BatchCursor,
  hasValidCrc,
  verifyCrc,
} from '../../src/protocol/record-batch.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { cursorOn, expectCode, record } from './samples.ts'

const two = (): Buffer =>
  buildBatch({
    baseOffset: 100n,
    records: [record({ value: Buffer.from('one') }), record({ key: Buffer.from('k') })],
  })

const changed = (change: (batch: Buffer) => unknown): BatchCursor => {
  const batch = two()
  change(batch)
  sealBatch(batch, 0)
  return cursorOn(batch)
}

test('steps over batches that lie one after the other and reads each field', () => {
  const first = buildBatch({
    baseOffset: 2n ** 52n,
    records: [record({ timestamp: 5n }), record({ timestamp: 9n, offsetDelta: 3 })],
    codec: 'lz4',
    timestampType: 'log_append_time',
    lastOffsetDelta: 7,
    partitionLeaderEpoch: 12,
    producerId: 2n ** 40n,
    producerEpoch: 77,
    baseSequence: 2 ** 31 - 1,
    isTransactional: true,
  })
  const second = buildBatch({ records: [], isControl: true, lastOffsetDelta: 0, deleteHorizon: 44n })
  const cursor = new BatchCursor(Buffer.concat([Buffer.alloc(3), first, second, Buffer.alloc(4)]))
  cursor.reset(cursor.buffer, 3, cursor.buffer.length - 4)
  assert.ok(cursor.next())
  assert.equal(cursor.position, 3)
  assert.equal(cursor.byteLength, first.length)
  assert.equal(cursor.magic, 2)
  assert.equal(cursor.baseOffset, 2n ** 52n)
  assert.equal(cursor.baseOffsetNumber, 2 ** 52)
  assert.equal(cursor.lastOffset, 2n ** 52n + 7n)
  assert.equal(cursor.lastOffsetNumber, 2 ** 52 + 7)
  assert.equal(cursor.partitionLeaderEpoch, 12)
  assert.equal(cursor.codec, 'lz4')
  assert.equal(cursor.timestampType, 'log_append_time')
  assert.equal(cursor.isTransactional, true)
  assert.equal(cursor.isControl, false)
  assert.equal(cursor.hasDeleteHorizon, false)
  assert.equal(cursor.baseTimestamp, 5n)
  assert.equal(cursor.maxTimestamp, 9n)
  assert.equal(cursor.producerId, 2n ** 40n)
  assert.equal(cursor.producerEpoch, 77)
  assert.equal(cursor.baseSequence, 2 ** 31 - 1)
  assert.equal(cursor.recordCount, 2)
  assert.equal(cursor.body.length, cursor.bodyByteLength)
  assert.deepEqual(cursor.bytes, first)
  verifyCrc(cursor)
  assertBatch(cursor)
  assert.ok(cursor.next())
  assert.deepEqual(cursor.bytes, second)
  assert.equal(cursor.timestampType, 'create_time')
  assert.equal(cursor.isControl, true)
  assert.equal(cursor.hasDeleteHorizon, true)
  assert.equal(cursor.baseTimestamp, 44n)
  assert.equal(cursor.bodyByteLength, 0)
  verifyCrc(cursor)
  assertBatch(cursor)
  assert.ok(!cursor.next())
  assert.ok(!cursor.next())
  assert.equal(cursor.partialBytes, 0)
  assert.equal(cursor.position, cursor.buffer.length - 4)
})

test('a batch that is cut anywhere is a partial one, with the whole ones before it intact', () => {
  const whole = two()
  for (let kept = 0; kept < whole.length; kept++) {
    const cursor = new BatchCursor(Buffer.concat([whole, whole.subarray(0, kept)]))
    assert.ok(cursor.next())
    assert.ok(!cursor.next(), `cut after ${kept} bytes`)
    assert.equal(cursor.position, whole.length)
    assert.equal(cursor.partialBytes, kept)
  }
})

test('a length that cannot be right is malformed even when the batch is cut', () => {
  for (const length of [-1, -(2 ** 31), 0, 13, 48]) {
    const batch = two()
    batch.writeInt32BE(length, BATCH_FIELD.batchLength)
    expectCode('KB_BATCH_CORRUPT', () => new BatchCursor(batch).next(), `length ${length}`)
    if (length < 14) expectCode('KB_BATCH_CORRUPT', () => new BatchCursor(batch.subarray(0, 12)).next())
  }
  for (const length of [LIMITS.batchMaxBytes - 11, 2 ** 31 - 1]) {
    const batch = two()
    batch.writeInt32BE(length, BATCH_FIELD.batchLength)
    expectCode('KB_LIMIT_EXCEEDED', () => new BatchCursor(batch).next(), `length ${length}`)
    expectCode('KB_LIMIT_EXCEEDED', () => new BatchCursor(batch.subarray(0, 12)).next())
  }
  const largest = two()
  largest.writeInt32BE(LIMITS.batchMaxBytes - 12, BATCH_FIELD.batchLength)
  assert.equal(new BatchCursor(largest).next(), false)
})

test('other magics are refused by name', () => {
  for (const magic of [3, 4, 127, 255]) {
    const batch = two()
    batch[BATCH_FIELD.magic] = magic
    expectCode('KB_FORMAT_UNSUPPORTED', () => new BatchCursor(batch).next(), `magic ${magic}`)
    assert.throws(() => new BatchCursor(batch).next(), new RegExp(`unknown magic ${magic} at byte 0`))
  }
})

test('every single-bit flip in the bytes that the CRC covers, and in the CRC, is detected', () => {
  const batch = two()
  for (let bit = BATCH_FIELD.crc * 8; bit < batch.length * 8; bit++) {
    batch[bit >> 3]! ^= 1 << (bit & 7)
    const cursor = cursorOn(batch)
    assert.equal(hasValidCrc(cursor), false, `bit ${bit}`)
    expectCode('KB_BATCH_CORRUPT', () => verifyCrc(cursor))
    batch[bit >> 3]! ^= 1 << (bit & 7)
  }
  verifyCrc(cursorOn(batch))
})

test('fields that contradict each other are refused', () => {
  const { lastOffsetDelta, recordCount, baseOffset, attributes } = BATCH_FIELD
  const cases: [string, (batch: Buffer) => unknown][] = [
    ['negative delta', (batch) => batch.writeInt32BE(-1, lastOffsetDelta)],
    ['negative count', (batch) => batch.writeInt32BE(-1, recordCount)],
    ['more records than offsets', (batch) => batch.writeInt32BE(0, lastOffsetDelta)],
    [
      'more records than bytes',
      (batch) => {
        batch.writeInt32BE(900, lastOffsetDelta)
        batch.writeInt32BE(900, recordCount)
      },
    ],
    ['records gone, bytes there', (batch) => batch.writeInt32BE(0, recordCount)],
    ['negative base', (batch) => batch.writeBigInt64BE(-1n, baseOffset)],
    ['offsets past 64 bits', (batch) => batch.writeBigInt64BE(2n ** 63n - 1n, baseOffset)],
  ]
  for (const [what, change] of cases) {
    expectCode('KB_BATCH_CORRUPT', () => assertBatch(changed(change)), what)
  }
  expectCode('KB_FORMAT_UNSUPPORTED', () =>
    assertBatch(changed((batch) => batch.writeInt16BE(5, attributes))),
  )
  expectCode('KB_LIMIT_EXCEEDED', () =>
    assertBatch(
      changed((batch) => {
        batch.writeInt32BE(2 ** 31 - 1, lastOffsetDelta)
        batch.writeInt32BE(LIMITS.batchMaxRecords + 1, recordCount)
      }),
    ),
  )
  const bodiless = buildBatch({ records: [] })
  bodiless.writeInt32BE(1, recordCount)
  expectCode('KB_BATCH_CORRUPT', () => assertBatch(cursorOn(bodiless)))
})

test('what compaction leaves is accepted', () => {
  assertBatch(cursorOn(buildBatch({ records: [], lastOffsetDelta: 99 })))
  assertBatch(cursorOn(buildBatch({ records: [record({ offsetDelta: 50 })], lastOffsetDelta: 2 ** 31 - 1 })))
  assertBatch(changed((batch) => batch.writeBigInt64BE(2n ** 63n - 2n, BATCH_FIELD.baseOffset)))
})

test('an offset as a number is exact or refused', () => {
  assert.equal(
    changed((batch) => batch.writeBigInt64BE(2n ** 53n - 2n ** 32n - 1n, 0)).baseOffsetNumber,
    2 ** 53 - 2 ** 32 - 1,
  )
  for (const offset of [2n ** 53n - 2n ** 32n, 2n ** 62n, -1n]) {
    expectCode(
      'KB_LIMIT_EXCEEDED',
      () => changed((batch) => batch.writeBigInt64BE(offset, 0)).baseOffsetNumber,
    )
    expectCode(
      'KB_LIMIT_EXCEEDED',
      () => changed((batch) => batch.writeBigInt64BE(offset, 0)).lastOffsetNumber,
    )
  }
})
