import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupsOf } from '../../src/backup/bundle-writer.ts'
import { SmallPart } from '../../src/backup/small-part.ts'
import { LIMITS } from '../../src/runtime/limits.ts'

/** A part of which only the size counts. */
function partOf(bytes: number): SmallPart {
  return new SmallPart({
    identity: { topic: 't', topicId: null, partition: 0 },
    encoded: { chunks: [Buffer.alloc(bytes)], sha256: '' },
    onDurable: () => undefined,
  } as unknown as SmallPart['content'])
}

test('objects are bounded by size and by partitions, keep the order, and a larger part stands alone', () => {
  const sizes = (bytes: readonly number[]) =>
    groupsOf(bytes.map(partOf), 100).map((group) =>
      group.map(({ content }) => content.encoded.chunks[0]?.length),
    )
  assert.deepEqual(sizes([]), [])
  assert.deepEqual(sizes([40, 60, 1, 300, 99]), [[40, 60], [1], [300], [99]])
  const many = groupsOf(
    Array.from({ length: LIMITS.bundleMaxParts + 1 }, () => partOf(1)),
    1e9,
  )
  assert.deepEqual(
    many.map((group) => group.length),
    [LIMITS.bundleMaxParts, 1],
  )
})

test('a part holds its partition until it is durable or lost', async () => {
  const durable = partOf(1)
  durable.succeed()
  await durable.settled
  const lost = partOf(1)
  lost.fail(new Error('the store is full'))
  await assert.rejects(lost.settled, /the store is full/)
})
