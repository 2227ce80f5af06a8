import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minEffectiveTimestamp } from '../../src/protocol/effective-timestamp.ts'
import { decompressRecords, readRecords } from '../../src/protocol/record.ts'
import { assembleBatch, buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { prng } from './prng.ts'
import { cursorOn, expectCode, randomBatchInput, record } from './samples.ts'

test('agrees with reading every record, over random batches', () => {
  const random = prng(5)
  for (let index = 0; index < 500; index++) {
    const cursor = cursorOn(buildBatch(randomBatchInput(random, random.below(6))))
    let expected: bigint | null = null
    for (const { timestamp } of readRecords(cursor)) {
      if (expected === null || timestamp < expected) expected = timestamp
    }
    assert.equal(minEffectiveTimestamp(cursor, decompressRecords(cursor)), expected)
  }
})

test('the minimum is not the first timestamp, and deltas may exceed 32 bits', () => {
  const records = [
    record({ timestamp: 2n ** 40n }),
    record({ timestamp: 7n }),
    record({ timestamp: 2n ** 41n }),
  ]
  const cursor = cursorOn(buildBatch({ records }))
  assert.equal(minEffectiveTimestamp(cursor, cursor.body), 7n)
})

test('with log append time it is the max timestamp, without a look at the body', () => {
  const batch = buildBatch({
    records: [record({ timestamp: 1n })],
    timestampType: 'log_append_time',
    maxTimestamp: 99n,
  })
  assert.equal(minEffectiveTimestamp(cursorOn(batch), Buffer.alloc(0)), 99n)
})

test('an emptied batch has none', () => {
  assert.equal(minEffectiveTimestamp(cursorOn(buildBatch({ records: [] })), Buffer.alloc(0)), null)
})

test('a body whose lengths do not add up is refused', () => {
  const claiming = (hex: string, recordCount: number, baseTimestamp = 0n) => {
    const body = Buffer.from(hex, 'hex')
    return cursorOn(
      assembleBatch({}, { body, recordCount, lastOffsetDelta: 9, baseTimestamp, maxTimestamp: 0n }),
    )
  }
  const plain = '0c000000010100'
  for (const baseTimestamp of [0n, 2n ** 62n]) {
    const cases: [string, string, number][] = [
      ['a byte left over', plain + '00', 1],
      ['record leaves the body', '0e' + plain.slice(2), 1],
      ['record of no bytes', '00' + plain.slice(2), 1],
      ['record missing', plain + '0c00000001010002'.slice(0, 12) + '0000', 3],
      ['delta leaves its record', '0200' + '8080' + '0000000000', 1],
      ['over-long delta', '1a00' + 'ff'.repeat(11) + '00', 1],
    ]
    for (const [what, hex, count] of cases) {
      const cursor = claiming(hex, count, baseTimestamp)
      expectCode('KB_BATCH_CORRUPT', () => minEffectiveTimestamp(cursor, cursor.body), what)
    }
  }
})
