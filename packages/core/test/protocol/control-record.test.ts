import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseControlType } from '../../src/protocol/control-record.ts'
import { assembleBatch, buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { cursorOn, expectCode, marker, record } from './samples.ts'

const control = (key: Buffer | null, codec: 'none' | 'gzip' = 'none') =>
  cursorOn(buildBatch({ records: [record({ key })], isControl: true, codec }))

test('markers say how the transaction ended', () => {
  assert.equal(parseControlType(cursorOn(marker('abort', 5n, 1n))), 'abort')
  assert.equal(parseControlType(cursorOn(marker('commit', 5n, 1n))), 'commit')
  assert.equal(parseControlType(cursorOn(marker('other', 5n, 1n))), 'other')
  assert.equal(parseControlType(cursorOn(marker('abort', 5n, 1n, true))), 'emptied')
})

test('a newer version, a longer key and compression do not matter', () => {
  assert.equal(parseControlType(control(Buffer.from([0, 9, 0, 1, 5, 5]))), 'commit')
  assert.equal(parseControlType(control(Buffer.from([0, 0, 0, 0]), 'gzip')), 'abort')
})

test('a control record that cannot be read is refused', () => {
  for (const key of [null, Buffer.alloc(0), Buffer.from([0, 0, 0]), Buffer.from([0xff, 0xff, 0, 0])]) {
    expectCode('KB_BATCH_CORRUPT', () => parseControlType(control(key)))
  }
})

test('a control batch of an absurd size is refused', () => {
  const body = Buffer.alloc(LIMITS.controlBatchMaxRawBytes + 1)
  const batch = assembleBatch(
    { isControl: true },
    { body, recordCount: 1, lastOffsetDelta: 0, baseTimestamp: 0n, maxTimestamp: 0n },
  )
  expectCode('KB_LIMIT_EXCEEDED', () => parseControlType(cursorOn(batch)))
})
