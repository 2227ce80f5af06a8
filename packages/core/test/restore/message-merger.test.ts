import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMessage, encodeWrapper } from '../../../testkit/src/message-set-builder.ts'
import { BatchCursor } from '../../src/protocol/record-batch.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { MessageMerger } from '../../src/restore/message-merger.ts'

/** The offsets of each merged batch, of messages with values of these lengths. */
function mergedOffsets(valueBytes: readonly number[]): bigint[][] {
  const messages = valueBytes.map((length, at) =>
    encodeMessage({
      magic: at % 2 === 0 ? 0 : 1,
      offset: BigInt(at),
      key: null,
      value: Buffer.alloc(length),
    }),
  )
  const merger = new MessageMerger()
  const merged: bigint[][] = []
  const flush = () => merged.push(merger.flush().map(({ offset }) => offset))
  const cursor = new BatchCursor(Buffer.concat(messages))
  while (cursor.next()) {
    assert.ok(MessageMerger.takes(cursor))
    if (!merger.hasRoomFor(cursor)) flush()
    merger.add(cursor)
  }
  flush()
  assert.deepEqual(merger.flush(), [])
  return merged
}

test('messages are merged up to 1,000 records', () => {
  const merged = mergedOffsets(Array<number>(2_001).fill(1))
  assert.deepEqual(
    merged.map((offsets) => [offsets[0], offsets.length]),
    [
      [0n, 1000],
      [1000n, 1000],
      [2000n, 1],
    ],
  )
})

test('messages are merged up to 256 KiB, and a larger one stays alone', () => {
  assert.deepEqual(mergedOffsets([100_000, 100_000, 100_000, 1, 400_000, 1, 1]), [
    [0n, 1n],
    [2n, 3n],
    [4n],
    [5n, 6n],
  ])
})

test('wrappers and record batches are not merged', () => {
  const record = { offset: 0n, key: null, value: Buffer.from('v'), timestamp: 1n, headers: [] }
  for (const bytes of [encodeWrapper(1, 'gzip', [record]), buildBatch({ records: [record] })]) {
    const cursor = new BatchCursor(bytes)
    assert.ok(cursor.next())
    assert.equal(MessageMerger.takes(cursor), false)
  }
})
