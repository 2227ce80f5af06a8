import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { BatchSourceOptions } from './batch-source.ts'
import type { PartitionRestorePlan, RestorePlan, RestoreWork } from './restore-plan.ts'
import { coverageOf } from './time-window.ts'
import { readWorkRecords } from './work-stream.ts'

const LOOKS_AT_ONCE = 8

/**
 * The plan of a restore that keeps offsets, in which a partition whose first part is restored in part begins with its first record. What
 * lies before it is then no hole, which a marker would have to take, but the start of the log. Reads the archive where the commits do not
 * tell; the same plan gives the same answer. A partition without any record begins at its end.
 * @throws KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT, KB_TRANSFORM_UNAVAILABLE
 */
export async function beginAtFirstRecords(
  options: Omit<BatchSourceOptions, 'backupId'>,
  plan: RestorePlan,
): Promise<RestorePlan> {
  if (!plan.isKeepingOffsets) return plan
  const begins = new Map<number, bigint>()
  const works = plan.works.filter((work) => isCut(plan, sourceOf(plan, work)))
  await runConcurrently(works, { total: LOOKS_AT_ONCE }, async (work) => {
    const at = work.sources[0] ?? -1
    for await (const { record } of readWorkRecords({ ...options, backupId: plan.backupId }, plan, work, [0n]))
      return void begins.set(at, record.offset)
    begins.set(at, plan.partitions[at]?.offsets.endOffset ?? 0n)
  })
  const partitions = plan.partitions.map((entry, at) => {
    const beginOffset = begins.get(at)
    return beginOffset === undefined ? entry : { ...entry, offsets: { ...entry.offsets, beginOffset } }
  })
  return { ...plan, partitions }
}

function sourceOf(plan: RestorePlan, { sources }: RestoreWork): PartitionRestorePlan | undefined {
  return plan.partitions[sources[0] ?? -1]
}

function isCut({ window }: RestorePlan, source: PartitionRestorePlan | undefined): boolean {
  const first = source?.parts[0]
  if (!first) return false
  return first.beginOffset !== null || coverageOf(window, first.part) === 'partly'
}
