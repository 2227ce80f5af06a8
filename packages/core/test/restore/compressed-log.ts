import type { PartitionPlan } from '../../src/backup/backup-plan.ts'
import { type MinimumFinder, noMinima } from '../../src/backup/minimum-finder.ts'
import { PartitionWriter, type WriterContext } from '../../src/backup/partition-writer.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { inlineDigester } from '../../src/format/frame-digest.ts'
import type { Codec } from '../../src/protocol/codec.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { Budget } from '../../src/runtime/budget.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { answerOf } from '../backup/new-intake.ts'
import { prng } from '../protocol/prng.ts'
import { record } from '../protocol/samples.ts'
import { BACKUP, draft, TRANSFORM, WRITER } from '../verify/archive-writer.ts'

export const RECORDS = 12_800
const RECORDS_PER_BATCH = 50
const VALUE_BYTES = 256
const FRAME_BYTES = 48 * 1024
const SEGMENT_BYTES = 700 * 1024
const PATIENCE_MS = 120_000

/** A record each second; every fiftieth is a minute late. */
export function timestampOf(offset: number): bigint {
  const time = 1_000_000n + BigInt(offset) * 1_000n
  return offset % 50 === 37 ? time - 60_000n : time
}

/** What a backup makes of a topic whose producer compresses, in one commit; minima come from `minima`. */
export async function backUpCompressed(
  storage: StorageBackend,
  codec: Codec,
  minima: MinimumFinder = noMinima,
): Promise<BackupState> {
  const context: WriterContext = {
    ...{ storage, backupId: BACKUP, writer: WRITER, clock: systemClock, transform: TRANSFORM },
    ...{ isCompressing: true, compressionSlots: new Budget(2), digester: inlineDigester, minima },
    ...{ minimumPatienceMs: PATIENCE_MS, frameMinBytes: FRAME_BYTES, segmentMaxBytes: SEGMENT_BYTES },
    ...{ segmentMaxIntervalMs: 0, isEndless: false },
    ...{ onSegmentClosed: () => undefined, onFrameWritten: () => undefined },
  }
  const writer = new PartitionWriter(context, planOf())
  const random = prng(9)
  for (let offset = 0; offset < RECORDS; offset += RECORDS_PER_BATCH) {
    const records = Array.from({ length: RECORDS_PER_BATCH }, (_, at) =>
      record({ timestamp: timestampOf(offset + at), value: random.bytes(VALUE_BYTES) }),
    )
    const bytes = buildBatch({ baseOffset: BigInt(offset), records, codec, partitionLeaderEpoch: 0 })
    await writer.enqueue(writer.intake.accept(answerOf(bytes, 0, bytes.length, [])))
  }
  await writer.checkpoint(true)
  const { segments } = writer.takeDurable()
  const state = new BackupState(BACKUP)
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
  await appendCommit(storage, state, draft('run-1', 'complete', { topics, begins, segments }))
  return state
}

function planOf(): PartitionPlan {
  return {
    ...{ topic: 'orders', topicId: null, partition: 0, beginOffset: 0n, targetOffset: BigInt(RECORDS) },
    ...{ isNew: true, isCompacted: false, nextSequence: 1, lineage: 1, divergence: null },
    ...{ marginOffsets: 0n, anchor: null, epochs: { starts: [], nextOffset: 0n }, gap: null },
  }
}
