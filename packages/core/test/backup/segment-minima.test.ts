import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { PartitionPlan } from '../../src/backup/backup-plan.ts'
import { BundleWriter } from '../../src/backup/bundle-writer.ts'
import { FrameMinimum, type MinimumFinder, noMinima } from '../../src/backup/minimum-finder.ts'
import { PartitionWriter, type WriterContext } from '../../src/backup/partition-writer.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { inlineDigester } from '../../src/format/frame-digest.ts'
import type { SegmentRecord } from '../../src/format/segment-record.ts'
import { zstdTransform } from '../../src/format/zstd-transform.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { SegmentReader } from '../../src/repository/segment-reader.ts'
import { Budget } from '../../src/runtime/budget.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { record } from '../protocol/samples.ts'
import { answerOf } from './new-intake.ts'

const FOREVER_MS = 3_600_000

/** Finds when it is told to. */
class TestFinder implements MinimumFinder {
  readonly open: { readonly minimum: FrameMinimum; readonly maxTimestampMs: bigint }[] = []

  find({ statistics }: Parameters<MinimumFinder['find']>[0]): FrameMinimum {
    const minimum = new FrameMinimum()
    this.open.push({ minimum, maxTimestampMs: statistics.maxTimestampMs })
    return minimum
  }

  answer(at: number, foundMs: bigint | null): void {
    const { minimum, maxTimestampMs } = this.open[at]!
    minimum.settle(foundMs, maxTimestampMs)
  }

  async close(): Promise<void> {}
}

function contextOf(minima: MinimumFinder, minimumPatienceMs: number, more: Partial<WriterContext> = {}) {
  const storage = new MemoryBackend('minima')
  const context: WriterContext = {
    ...{ storage, backupId: 'b', writer: '00000001', clock: systemClock, transform: zstdTransform(1) },
    ...{ isCompressing: false, compressionSlots: new Budget(1), digester: inlineDigester },
    ...{ minima, minimumPatienceMs, frameMinBytes: 1, segmentMaxBytes: 1e9, segmentMaxIntervalMs: 0 },
    ...{ isEndless: true, onSegmentClosed: () => undefined, onFrameWritten: () => undefined },
    ...more,
  }
  return { context, storage }
}

function planOf(partition: number): PartitionPlan {
  return {
    ...{ topic: 't', topicId: null, partition, beginOffset: 0n, targetOffset: 0n, isNew: true },
    ...{ isCompacted: false, nextSequence: 1, lineage: 1, divergence: null, marginOffsets: 0n },
    ...{ anchor: null, epochs: { starts: [], nextOffset: 0n }, gap: null },
  }
}

/** One compressed batch of one record at 1,000 ms, as a leader sends it. */
function take(writer: PartitionWriter, baseOffset: bigint): Promise<void> {
  const bytes = buildBatch({ baseOffset, codec: 'lz4', records: [record({ timestamp: 1_000n })] })
  return writer.enqueue(writer.intake.accept(answerOf(bytes, 0, bytes.length, [])))
}

async function minimaIn(storage: MemoryBackend, segment: SegmentRecord | undefined) {
  assert.ok(segment)
  const transforms = new Map([['zstd', zstdTransform(1)]])
  const { index } = await SegmentReader.open(storage, 'b', segment, transforms)
  return { frames: index.frames.map((frame) => frame.minTimestampMs), part: segment.parts[0]?.minTimestampMs }
}

test('what was found by the end of the segment stands in its index, each at its frame', async () => {
  const finder = new TestFinder()
  const { context, storage } = contextOf(finder, 0)
  const writer = new PartitionWriter(context, planOf(0))
  for (const offset of [0n, 1n, 2n, 3n]) await take(writer, offset)
  finder.answer(2, 30n)
  finder.answer(0, 10n)
  finder.answer(3, null)
  await writer.checkpoint(true)
  const [segment] = writer.takeDurable().segments
  assert.deepEqual(await minimaIn(storage, segment), { frames: [10n, null, 30n, null], part: null })
})

test('a part has a minimum when each of its frames has one', async () => {
  const finder = new TestFinder()
  const { context, storage } = contextOf(finder, 0)
  const writer = new PartitionWriter(context, planOf(0))
  for (const offset of [0n, 1n]) await take(writer, offset)
  finder.answer(0, 40n)
  finder.answer(1, 20n)
  await writer.checkpoint(true)
  const [segment] = writer.takeDurable().segments
  assert.deepEqual(await minimaIn(storage, segment), { frames: [40n, 20n], part: 20n })
})

test('the end of a segment waits for minima while nothing waits behind it', async () => {
  const finder = new TestFinder()
  const { context, storage } = contextOf(finder, FOREVER_MS)
  const writer = new PartitionWriter(context, planOf(0))
  await take(writer, 0n)
  const closing = writer.checkpoint(true)
  await setTimeout(20)
  finder.answer(0, 10n)
  await closing
  const [segment] = writer.takeDurable().segments
  assert.deepEqual((await minimaIn(storage, segment)).frames, [10n])
})

test('a frame that comes ends the wait of the segment before it', { timeout: 30_000 }, async () => {
  const finder = new TestFinder()
  const { context, storage } = contextOf(finder, FOREVER_MS)
  const writer = new PartitionWriter(context, planOf(0))
  await take(writer, 0n)
  const closing = writer.checkpoint(true)
  await setTimeout(20)
  const following = take(writer, 1n)
  await closing
  const [segment] = writer.takeDurable().segments
  assert.deepEqual((await minimaIn(storage, segment)).frames, [null])
  await following
  await writer.abort()
})

test('a bundle has the minima of its parts', async () => {
  const finder = new TestFinder()
  const { context, storage } = contextOf(finder, FOREVER_MS, { frameMinBytes: 1e6 })
  const writers = [0, 1].map((partition) => new PartitionWriter(context, planOf(partition)))
  const bundles: SegmentRecord[] = []
  const bundleWriter = new BundleWriter(context, new BackupState('b'), (bundle) => bundles.push(bundle))
  for (const writer of writers) await take(writer, 0n)
  const flushing = bundleWriter.checkpoint(writers, true)
  await setTimeout(20)
  finder.answer(1, 20n)
  finder.answer(0, 10n)
  await flushing
  assert.deepEqual((await minimaIn(storage, bundles[0])).frames, [10n, 20n])
  assert.deepEqual(
    bundles[0]?.parts.map((part) => part.minTimestampMs),
    [10n, 20n],
  )
})

test('where nobody looks, minima are unknown and nothing waits', async () => {
  const { context, storage } = contextOf(noMinima, FOREVER_MS)
  const writer = new PartitionWriter(context, planOf(0))
  await take(writer, 0n)
  await writer.checkpoint(true)
  const [segment] = writer.takeDurable().segments
  assert.deepEqual((await minimaIn(storage, segment)).frames, [null])
})
