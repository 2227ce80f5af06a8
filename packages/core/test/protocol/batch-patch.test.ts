import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isProducible, patchForProduce, sealBatch } from '../../src/protocol/batch-patch.ts'
import { CODECS } from '../../src/protocol/codec.ts'
import { readRecords } from '../../src/protocol/record.ts'
import { hasValidCrc, verifyCrc } from '../../src/protocol/record-batch.ts'
import { type BatchInput, buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { cursorOn, expectCode, marker, record } from './samples.ts'

const records = [record({ value: Buffer.from('a') }), record({ value: Buffer.from('b'), timestamp: 9n })]
const patch = { producerId: 2n ** 45n, producerEpoch: 9, baseSequence: 2 ** 31 - 1, isTransactional: true }

test('a patched batch has what a broker demands, and the same records', () => {
  for (const codec of CODECS) {
    for (const isTransactional of [true, false]) {
      const source = buildBatch({ baseOffset: 77n, records, codec, partitionLeaderEpoch: 5, isTransactional })
      const before = [...readRecords(cursorOn(source))]
      const target = Buffer.concat([Buffer.alloc(10, 1), source])
      patchForProduce(target, 10, { ...patch, isTransactional: !isTransactional })
      const cursor = cursorOn(target.subarray(10))
      verifyCrc(cursor)
      assert.equal(cursor.baseOffset, 0n)
      assert.equal(cursor.partitionLeaderEpoch, -1)
      assert.equal(cursor.producerId, 2n ** 45n)
      assert.equal(cursor.producerEpoch, 9)
      assert.equal(cursor.baseSequence, 2 ** 31 - 1)
      assert.equal(cursor.isTransactional, !isTransactional)
      assert.equal(cursor.codec, codec)
      assert.deepEqual(cursor.body, source.subarray(61))
      assert.deepEqual(
        [...readRecords(cursor)],
        before.map((each) => ({ ...each, offset: each.offset - 77n })),
      )
      assert.deepEqual(target.subarray(0, 10), Buffer.alloc(10, 1))
    }
  }
})

test('only plain, gapless batches with create time are producible', () => {
  const producible = (input: Partial<BatchInput>): boolean =>
    isProducible(cursorOn(buildBatch({ records, ...input })))
  assert.equal(producible({}), true)
  assert.equal(producible({ isTransactional: true, producerId: 1n, codec: 'zstd' }), true)
  assert.equal(producible({ lastOffsetDelta: 2 }), false)
  assert.equal(producible({ records: [record({ offsetDelta: 1 })] }), false)
  assert.equal(producible({ records: [] }), false)
  assert.equal(producible({ deleteHorizon: 5n }), false)
  assert.equal(producible({ timestampType: 'log_append_time' }), false)
  assert.equal(isProducible(cursorOn(marker('commit', 1n, 1n))), false)
})

test('batches that no producer may send are not patched', () => {
  expectCode('KB_INTERNAL', () => patchForProduce(marker('abort', 1n, 1n), 0, patch))
  expectCode('KB_INTERNAL', () => patchForProduce(buildBatch({ records, deleteHorizon: 5n }), 0, patch))
})

test('sealing writes the CRC of what the batch holds now', () => {
  const batch = buildBatch({ records })
  batch[batch.length - 1]! ^= 1
  assert.equal(hasValidCrc(cursorOn(batch)), false)
  sealBatch(batch, 0)
  assert.equal(hasValidCrc(cursorOn(batch)), true)
  expectCode('KB_INTERNAL', () => sealBatch(batch.subarray(0, batch.length - 1), 0))
})
