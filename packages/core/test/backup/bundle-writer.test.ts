import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { BundleWriter, groupsOf } from '../../src/backup/bundle-writer.ts'
import { PartitionWriter, type WriterContext } from '../../src/backup/partition-writer.ts'
import { SmallPart } from '../../src/backup/small-part.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import type { SegmentRecord } from '../../src/format/segment-record.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { altered } from '../verify/altered-backend.ts'
import { contextOf, planOf, take } from './new-writer.ts'

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

test('a checkpoint ends when what partitions write into objects of their own is durable, too, and fails with it', async () => {
  const context = { clock: systemClock, minimumPatienceMs: 0 } as unknown as WriterContext
  const bundles = new BundleWriter(context, new BackupState('b'), () => undefined)
  const own = Promise.withResolvers<void>()
  const writerOf = (durable: Promise<void>) =>
    ({ offerCheckpoint: async () => ({ part: null, durable }) }) as unknown as PartitionWriter
  let hasEnded = false
  const checkpoint = bundles
    .checkpoint([writerOf(Promise.resolve()), writerOf(own.promise)], true)
    .then(() => (hasEnded = true))
  await setTimeout(20)
  assert.equal(hasEnded, false)
  own.resolve()
  await checkpoint
  const failing = [writerOf(Promise.resolve()), writerOf(Promise.reject(new Error('the store is full')))]
  await assert.rejects(bundles.checkpoint(failing, true), /the store is full/)
})

// A commit that named what follows a part without the part would not continue its partition.
test('what follows a part becomes durable after the bundle that holds it', async () => {
  const inner = new MemoryBackend('test')
  const opening = Promise.withResolvers<void>()
  const storage = altered(inner, {
    openWrite: async (key, options) => {
      if (key.includes('/bundles/')) await opening.promise
      return inner.openWrite(key, options)
    },
  })
  const context = contextOf(storage)
  const writers = [0, 1].map((partition) => new PartitionWriter(context, planOf(partition)))
  const durable: SegmentRecord[] = []
  const bundles = new BundleWriter(context, new BackupState('b'), (bundle) => durable.push(bundle))
  for (const writer of writers) await take(writer, 0n, 10)
  const flushing = bundles.checkpoint(writers, true)
  // Enough for a segment of its own, which is closed at once.
  const following = take(writers[0]!, 1n, 3_000)
  await setTimeout(20)
  assert.deepEqual(writers[0]!.takeDurable().segments, [], 'nothing that follows is durable before')
  opening.resolve()
  await flushing
  await following
  await bundles.checkpoint(writers, true)
  const own = writers.flatMap((writer) => writer.takeDurable().segments)
  const ranges = (records: readonly SegmentRecord[]) =>
    records.map(({ key, parts }) => [
      key.split('/')[1],
      parts.map((part) => `${part.partition}: ${part.beginOffset}-${part.nextOffset}`),
    ])
  assert.deepEqual(ranges(durable), [['bundles', ['0: 0-1', '1: 0-1']]])
  assert.deepEqual(ranges(own), [['topics', ['0: 1-2']]])
})

test('a checkpoint whose bundle cannot be written fails, and nothing waits for it any more', async () => {
  const storage = altered(new MemoryBackend('test'), {
    openWrite: () => Promise.reject(new Error('the store is full')),
  })
  const context = contextOf(storage)
  const writers = [0, 1].map((partition) => new PartitionWriter(context, planOf(partition)))
  for (const writer of writers) await take(writer, 0n, 10)
  const bundles = new BundleWriter(context, new BackupState('b'), () => assert.fail('nothing is durable'))
  await assert.rejects(bundles.checkpoint(writers, true), /the store is full/)
  await Promise.all(writers.map((writer) => writer.abort()))
  await assert.rejects(writers[0]!.checkpoint(true), /the store is full/)
})
