import type { PartitionPlan } from '../../src/backup/backup-plan.ts'
import { inlineMinima } from '../../src/backup/minimum-finder.ts'
import type { PartitionWriter, WriterContext } from '../../src/backup/partition-writer.ts'
import { inlineDigester } from '../../src/format/frame-digest.ts'
import { zstdTransform } from '../../src/format/zstd-transform.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { Budget } from '../../src/runtime/budget.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { record } from '../protocol/samples.ts'
import { answerOf } from './new-intake.ts'

/** What writers of a continuous run share; frames and segments of 2,000 bytes are complete. */
export function contextOf(storage: StorageBackend, changes: Partial<WriterContext> = {}): WriterContext {
  return {
    ...{ storage, backupId: 'b', writer: '00000001', clock: systemClock, transform: zstdTransform(1) },
    ...{
      isCompressing: false,
      compressionSlots: new Budget(1),
      digester: inlineDigester,
      minima: inlineMinima,
      minimumPatienceMs: 0,
    },
    ...{ frameMinBytes: 2_000, segmentMaxBytes: 2_000, segmentMaxIntervalMs: 0, isEndless: true },
    ...{ onSegmentClosed: () => undefined, onFrameWritten: () => undefined },
    ...changes,
  }
}

/** A partition that joins the backup at offset 0. */
export function planOf(partition: number): PartitionPlan {
  return {
    ...{ topic: 't', topicId: null, partition, beginOffset: 0n, targetOffset: 0n, isNew: true },
    ...{ isCompacted: false, nextSequence: 1, lineage: 1, divergence: null, marginOffsets: 0n },
    ...{ anchor: null, epochs: { starts: [], nextOffset: 0n }, gap: null },
  }
}

/** One batch of one record, as a leader sends it. */
export async function take(writer: PartitionWriter, baseOffset: bigint, valueBytes = 10): Promise<void> {
  const bytes = buildBatch({ baseOffset, records: [record({ value: Buffer.alloc(valueBytes) })] })
  await writer.enqueue(writer.intake.accept(answerOf(bytes, 0, bytes.length, [])))
}
