import { createHash } from 'node:crypto'
import type { BatchIntake } from '../backup/batch-intake.ts'
import type { WriterContext } from '../backup/partition-writer.ts'
import { PartitionWriter } from '../backup/partition-writer.ts'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { FrameTransform } from '../format/frame-transform.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import type { SegmentReader } from '../repository/segment-reader.ts'
import { invariant } from '../runtime/invariant.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { assertSeekTable } from '../verify/segment-structure.ts'
import { ArchivedTransactions } from './archived-transactions.ts'
import { type CheckedReading, checkedFrames, openChecked } from './checked-part.ts'
import type { Stretch } from './compact-unit.ts'
import { ObjectWindow } from './object-window.ts'
import { readStretch, type StretchFrame } from './read-stretch.ts'
import { READ_BYTES } from './request-estimate.ts'
import type { UnitInput } from './unit-input.ts'

/** What surrounds a stretch that is written anew. `nextSequence` is of its partition. */
export interface StretchContext {
  readonly storage: StorageBackend
  /** For segments of this transform. */
  readonly writerOf: (transform: FrameTransform) => WriterContext
  readonly reading: CheckedReading
  readonly input: UnitInput
  readonly nextSequence: number
}

/** The segments in the place of a stretch, durable and compared with it, and the number of the partition's next one. */
export interface RewrittenStretch {
  readonly segments: readonly SegmentRecord[]
  readonly nextSequence: number
}

/**
 * Writes the batches of a stretch again, as they are, in larger frames and segments, and reads what was written: it must be the same
 * batches. @throws KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT … for damage of what is there, and of what was written
 */
export async function rewriteStretch(context: StretchContext, stretch: Stretch): Promise<RewrittenStretch> {
  const { input, reading } = context
  const read = createHash('sha256')
  const transactions = new ArchivedTransactions()
  let writer: PartitionWriter | undefined
  try {
    for await (const frame of readStretch(input, stretch, reading.signal)) {
      const transform = transformOf(frame.reader, reading)
      writer ??= new PartitionWriter(
        { ...context.writerOf(transform), transactions },
        planOf(stretch, context.nextSequence),
      )
      // Only the first batch of a segment may begin before the segment does.
      if (frame.isReachingBack) await writer.checkpoint(true)
      read.update(frame.batches)
      await writer.enqueue(acceptWhole(writer.intake, transactions, frame))
    }
    invariant(writer, 'a stretch without frames')
    await writer.checkpoint(true)
  } catch (error) {
    await writer?.abort()
    throw error
  }
  const { segments } = writer.takeDurable()
  await assertSameBatches(context, segments, read.digest('hex'))
  return { segments, nextSequence: writer.nextSequence }
}

/** What is packed in one way stays so: a stretch has one. */
export function transformOf({ header }: SegmentReader, { transforms }: CheckedReading): FrameTransform {
  const transform = transforms.get(header.transforms[0] ?? '')
  invariant(transform, 'a segment that could be opened has a transform')
  return transform
}

/** Hands a frame that was checked to an intake, and what is known of its part to the transactions that the intake asks. */
export function acceptWhole(
  intake: BatchIntake,
  transactions: ArchivedTransactions,
  { entry, batches, aborted, isReachingBack }: StretchFrame,
) {
  if (aborted) transactions.beginPart(aborted, { beginOffset: intake.nextOffset, isReachingBack })
  const answer = { buffer: batches, begin: 0, end: batches.length, aborted: [], logStartOffset: -1n }
  const cut = intake.accept(answer)
  invariant(intake.nextOffset === entry.lastOffset + 1n, 'a frame that was checked is taken whole')
  return cut
}

/** Reads what was written as a validation does, and compares all batches together with those that were read. */
async function assertSameBatches(
  { storage, reading }: StretchContext,
  segments: readonly SegmentRecord[],
  expected: string,
): Promise<void> {
  const written = createHash('sha256')
  for (const record of segments) {
    const window = new ObjectWindow(storage, record.bytes, READ_BYTES)
    const reader = await openChecked(window, record, reading)
    for await (const { batches } of checkedFrames(reader, 0, reading.signal)) written.update(batches)
    const tail = { begin: record.index.position + record.index.bytes, end: record.bytes }
    assertSeekTable(record, reader.index, await window.readRange(record.key, tail, reading))
  }
  if (written.digest('hex') === expected) return
  const keys = segments.map(({ key }) => key).join(', ')
  throw new KafkaBackupError(
    'KB_SEGMENT_CORRUPT',
    `what was written is not what was read: ${keys}; no commit names it`,
  )
}

/** A run whose source is the archive. */
export function planOf({ history, parts }: Stretch, nextSequence: number) {
  const { topic, topicId, partition, lineage } = history
  const [first, last] = [parts[0], parts.at(-1)]
  invariant(first && last, 'a stretch without parts')
  const { beginOffset } = first.part
  return {
    topic,
    topicId,
    partition,
    lineage,
    beginOffset,
    targetOffset: last.part.nextOffset,
    isNew: false,
    // What is not there was not there: a source without compaction has gaps for it, and these are in no stretch.
    isCompacted: true,
    nextSequence,
    divergence: null,
    anchor: null,
    epochs: { starts: [], nextOffset: beginOffset },
    marginOffsets: 0n,
    gap: null,
  }
}
