import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { PartitionWriter } from '../../src/backup/partition-writer.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { altered } from '../verify/altered-backend.ts'
import { contextOf, planOf, take } from './new-writer.ts'

/** A store whose segments become durable when `open` is called. */
function slowStore() {
  const inner = new MemoryBackend('test')
  const opening = Promise.withResolvers<void>()
  const storage = altered(inner, {
    openWrite: async (key, options) => {
      await opening.promise
      return inner.openWrite(key, options)
    },
  })
  return { storage, open: () => opening.resolve() }
}

/** What a leader shows when everything up to there was read. */
const endAt = (askedAtMs: number, end: bigint) => ({ askedAtMs, highWatermark: end, readableEnd: end })

/** The recovery point after a commit of what is durable now, and where the segments of that commit end. */
function commit(writer: PartitionWriter): readonly [number | null, readonly bigint[]] {
  const { segments } = writer.takeDurable()
  writer.standing.settle()
  return [
    writer.standing.recoveryPointMs,
    segments.flatMap(({ parts }) => parts.map(({ nextOffset }) => nextOffset)),
  ]
}

// A recovery point that counts records in which are not in the backup is a promise that a restore does not keep.
test('what is read while a segment becomes durable does not count for the recovery point of its commit', async () => {
  for (const how of ['a checkpoint', 'an offer of which nothing is handed out', 'a second checkpoint']) {
    const { storage, open } = slowStore()
    const writer = new PartitionWriter(
      contextOf(storage, { frameMinBytes: 1, segmentMaxBytes: 1e6 }),
      planOf(0),
    )
    const begun = take(writer, 0n)
    writer.noteSighting(endAt(100, 1n))
    const steps: Promise<unknown>[] = [begun]
    if (how === 'an offer of which nothing is handed out') {
      steps.push(writer.offerCheckpoint(true).then(({ durable }) => durable))
    } else steps.push(writer.checkpoint(true))
    if (how === 'a second checkpoint') steps.push(writer.checkpoint(true))
    const following = take(writer, 1n)
    writer.noteSighting(endAt(200, 2n))
    await setTimeout(5)
    open()
    await Promise.all(steps)
    assert.deepEqual(commit(writer), [100, [1n]], how)
    await following
    await writer.checkpoint(true)
    assert.deepEqual(commit(writer), [200, [2n]], how)
  }
})

test('what is read while a bundle becomes durable does not count for the recovery point of its commit', async () => {
  const { storage } = slowStore()
  const writer = new PartitionWriter(contextOf(storage), planOf(0))
  await take(writer, 0n)
  writer.noteSighting(endAt(100, 1n))
  const { part, durable } = await writer.offerCheckpoint(true)
  assert.ok(part, 'less than a frame')
  await take(writer, 1n)
  writer.noteSighting(endAt(200, 2n))
  part.succeed()
  await durable
  assert.deepEqual(commit(writer), [100, []])
})

test('a damaged batch ends the segment in front of it, whose end the gap continues', async () => {
  for (const frameMinBytes of [1, 2_000]) {
    const storage = new MemoryBackend('test')
    const context = contextOf(storage, { frameMinBytes, segmentMaxBytes: 1e6 })
    const writer = new PartitionWriter(context, planOf(0))
    await take(writer, 0n)
    const bytes = Buffer.from('no batch')
    await writer.setAside({
      kind: 'damaged',
      bytes,
      firstOffset: 1n,
      endOffset: 3n,
      detail: 'its checksum is wrong',
    })
    const { segments, gaps, artifacts } = writer.takeDurable()
    const rangesOf = (records: typeof segments) =>
      records.flatMap(({ parts }) => parts.map((part) => [part.beginOffset, part.nextOffset]))
    assert.deepEqual(rangesOf(segments), [[0n, 1n]], `frames of ${frameMinBytes} bytes`)
    assert.deepEqual(
      gaps.map((gap) => [gap.firstOffset, gap.endOffset, gap.reason, gap.quarantine?.key]),
      [[1n, 3n, 'damaged_in_log', artifacts[0]?.key]],
    )
    assert.deepEqual(await storage.read(artifacts[0]?.key ?? '', 100), bytes)
    await take(writer, 3n)
    await writer.checkpoint(true)
    assert.deepEqual(rangesOf(writer.takeDurable().segments), [[3n, 4n]])
  }
})

test('offsets that were deleted end the segment in front of them', async () => {
  const context = contextOf(new MemoryBackend('test'), { frameMinBytes: 1, segmentMaxBytes: 1e6 })
  const writer = new PartitionWriter(context, planOf(0))
  await take(writer, 0n)
  await writer.skipDeleted(5n)
  const { segments, gaps } = writer.takeDurable()
  assert.deepEqual(
    [segments.map(({ parts }) => parts[0]?.nextOffset), gaps.map((gap) => [gap.firstOffset, gap.endOffset])],
    [[1n], [[1n, 5n]]],
  )
})
