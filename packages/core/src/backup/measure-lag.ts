import type { RunLag } from '../events/run-event.ts'
import type { AwaitedPartitions } from './awaited-partitions.ts'
import type { PartitionWriter } from './partition-writer.ts'

/** What a run reads, and what it has seen and cannot read yet. */
export interface RunReach {
  readonly writers: readonly PartitionWriter[]
  readonly awaited: AwaitedPartitions
}

/** How far a run is behind its source, by the last answers and the commits. `nowMs`: wall clock. */
export function measureLag(reach: RunReach, nowMs: number): RunLag {
  let offsets = 0
  let most: RunLag['most'] = null
  for (const { plan, standing, isRetired } of reach.writers) {
    const own = isRetired ? 0 : Number(standing.lagOffsets ?? 0n)
    offsets += own
    if (own > (most?.offsets ?? 0)) most = { topic: plan.topic, partition: plan.partition, offsets: own }
  }
  const recoveryPointMs = recoveryPoint(reach, ({ standing }) => standing.recoveryPointMs)
  const recoveryAgeMs = recoveryPointMs === null ? null : Math.max(nowMs - recoveryPointMs, 0)
  return { offsets, most, recoveryPointMs, recoveryAgeMs }
}

/**
 * The moment before which everything acknowledged is there, for all partitions; null while one of them does not know. What the source
 * deleted holds it back no longer: it is declared, and nobody will read it.
 */
export function recoveryPoint(
  { writers, awaited }: RunReach,
  pointOf: (writer: PartitionWriter) => number | null,
): number | null {
  const counting = writers.filter(({ isRetired, unread }) => !isRetired && unread?.reason !== 'topic_deleted')
  let earliestMs: number | null = null
  for (const pointMs of [...counting.map(pointOf), ...awaited.recoveryPointsMs]) {
    if (pointMs === null) return null
    if (earliestMs === null || pointMs < earliestMs) earliestMs = pointMs
  }
  return earliestMs
}
