import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findDamagedBatch } from '../../src/backup/damaged-batch.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { record } from '../protocol/samples.ts'

const RECORDS = 5
const BATCH_FIELD = { length: 8, lastOffsetDelta: 23, recordCount: 57, body: 61 } as const

/** Batches of five records, from offset 0 on. */
function logOf(batches: number): { readonly bytes: Buffer; readonly begins: readonly number[] } {
  const built = Array.from({ length: batches }, (_, at) =>
    buildBatch({
      baseOffset: BigInt(at * RECORDS),
      records: Array.from({ length: RECORDS }, () => record({ value: Buffer.from('v') })),
    }),
  )
  const begins = built.map((_, at) => built.slice(0, at).reduce((sum, { length }) => sum + length, 0))
  return { bytes: Buffer.concat(built), begins }
}

function find(bytes: Buffer, nextOffset: bigint, targetOffset: bigint) {
  return findDamagedBatch(
    { buffer: bytes, begin: 0, end: bytes.length },
    { nextOffset, targetOffset, detail: 'd' },
  )
}

test('a damaged batch ends where the next sound one begins, whatever its header says', () => {
  for (const field of [BATCH_FIELD.body + 3, BATCH_FIELD.recordCount + 3, BATCH_FIELD.lastOffsetDelta + 1]) {
    const { bytes, begins } = logOf(3)
    const at = begins[1] ?? 0
    bytes[at + field] = (bytes[at + field] ?? 0) ^ 0x40
    const found = find(bytes, 5n, 15n)
    assert.deepEqual([found?.firstOffset, found?.endOffset], [5n, 10n], `byte ${field}`)
    assert.ok(found?.bytes.equals(bytes.subarray(at, begins[2])))
  }
})

test('batches that follow and are damaged too are kept with it', () => {
  const { bytes, begins } = logOf(4)
  for (const at of [begins[1] ?? 0, begins[2] ?? 0]) bytes[at + BATCH_FIELD.body] = 0xff
  const found = find(bytes, 5n, 20n)
  assert.equal(found?.endOffset, 15n)
  assert.ok(found?.bytes.equals(bytes.subarray(begins[1], begins[3])))
})

test('with nothing behind it two fields that agree are believed, up to the end that is known', () => {
  const { bytes, begins } = logOf(2)
  const at = begins[1] ?? 0
  bytes[at + BATCH_FIELD.body] = 0xff
  assert.equal(find(bytes, 5n, 10n)?.endOffset, 10n)
  assert.equal(find(bytes, 5n, 9n), null)
  bytes[at + BATCH_FIELD.lastOffsetDelta + 3] = 3
  assert.equal(find(bytes, 5n, 10n), null, 'its fields contradict each other')
})

test('a damaged length hides what follows', () => {
  const { bytes, begins } = logOf(3)
  bytes.writeInt32BE(-9, (begins[1] ?? 0) + BATCH_FIELD.length)
  assert.equal(find(bytes, 5n, 15n), null)
})

test('the target cuts a hole behind the damaged batch', () => {
  const { bytes, begins } = logOf(2)
  const after = logOf(5).bytes.subarray(logOf(5).begins[4])
  bytes[(begins[1] ?? 0) + BATCH_FIELD.body] = 0xff
  assert.equal(find(Buffer.concat([bytes, after]), 5n, 12n)?.endOffset, 12n)
})
