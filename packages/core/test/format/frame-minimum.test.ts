import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minTimestampOfFrame } from '../../src/format/frame-minimum.ts'
import { CODECS } from '../../src/protocol/codec.ts'
import { readRecords } from '../../src/protocol/record.ts'
import { BatchCursor } from '../../src/protocol/record-batch.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { randomMessages } from '../protocol/message-samples.ts'
import { prng } from '../protocol/prng.ts'
import { expectCode, marker, randomBatchInput, record } from '../protocol/samples.ts'

const CEILING_BYTES = 1024 * 1024

/** By reading every record. */
function plainMinimum(batches: Buffer): bigint | null {
  let minimum: bigint | null = null
  for (const cursor = new BatchCursor(batches); cursor.next(); ) {
    if (cursor.isControl) continue
    for (const { timestamp } of readRecords(cursor)) {
      if (minimum === null || timestamp < minimum) minimum = timestamp
    }
  }
  return minimum
}

for (const codec of CODECS) {
  test(`agrees with reading every record, over random frames of ${codec}`, () => {
    const random = prng(codec.length)
    let known = 0
    for (let round = 0; round < 200; round++) {
      const batches = Array.from({ length: 1 + random.below(5) }, () => {
        if (random.chance(0.15)) return marker(random.pick(['abort', 'commit']), 7n, 1n)
        return buildBatch({ ...randomBatchInput(random, random.below(12)), codec })
      })
      const frame = Buffer.concat(batches)
      const expected = plainMinimum(frame)
      assert.equal(minTimestampOfFrame(frame, CEILING_BYTES), expected)
      if (expected !== null) known++
    }
    assert.ok(known > 100)
  })
}

test('agrees with reading every record, over message sets of both formats', () => {
  const random = prng(3)
  for (let round = 0; round < 200; round++) {
    const frame = Buffer.concat(Array.from({ length: 1 + random.below(3) }, () => randomMessages(random)))
    assert.equal(minTimestampOfFrame(frame, CEILING_BYTES), plainMinimum(frame))
  }
})

test('the smallest may stand in any batch, and that of a marker does not count', () => {
  const batchAt = (baseOffset: bigint, ...timestamps: bigint[]) =>
    buildBatch({ baseOffset, codec: 'lz4', records: timestamps.map((timestamp) => record({ timestamp })) })
  const frame = Buffer.concat([batchAt(0n, 50n, 40n), batchAt(2n, 90n, 8n, 60n), marker('commit', 5n, 1n)])
  assert.equal(minTimestampOfFrame(frame, CEILING_BYTES), 8n)
  assert.equal(minTimestampOfFrame(marker('commit', 5n, 1n), CEILING_BYTES), null)
})

test('a batch of log append time is not decompressed', () => {
  const batch = buildBatch({
    ...{ records: [record({ timestamp: 1n, value: Buffer.alloc(1000) })], codec: 'gzip' },
    ...{ timestampType: 'log_append_time', maxTimestamp: 99n },
  })
  assert.equal(minTimestampOfFrame(batch, 1), 99n)
})

test('nothing is decompressed beyond the ceiling, and what cannot be read is refused', () => {
  for (const codec of CODECS.slice(1)) {
    const batch = buildBatch({ records: [record({ value: Buffer.alloc(100_000) })], codec })
    expectCode('KB_LIMIT_EXCEEDED', () => minTimestampOfFrame(batch, 50_000), codec)
    const spoilt = Buffer.from(batch)
    spoilt.fill(0xff, 61, 66)
    expectCode('KB_BATCH_CORRUPT', () => minTimestampOfFrame(spoilt, CEILING_BYTES), codec)
    expectCode('KB_BATCH_CORRUPT', () => minTimestampOfFrame(batch.subarray(0, -1), CEILING_BYTES), codec)
  }
})
