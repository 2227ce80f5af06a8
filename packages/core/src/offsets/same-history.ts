import { type BackupState, inheritedEndOffset } from '../format/backup-state.ts'
import type { SourcePartition, WantedOffset } from './translate-offsets.ts'

/** Two histories of a partition, by their numbers. */
export interface TwoHistories {
  readonly committed: number
  readonly restored: number
}

/**
 * Whether an offset means the same record in both histories: one is the other, or inherits everything below it. `state`: the newest of the
 * backup. Pure.
 */
export function isSameHistory(
  state: BackupState,
  { topic, partition, offset }: WantedOffset,
  { committed, restored }: TwoHistories,
): boolean {
  const [older, newer] = committed < restored ? [committed, restored] : [restored, committed]
  return state
    .histories(topic, partition)
    .filter(({ lineage }) => lineage > older && lineage <= newer)
    .every((history) => offset <= (inheritedEndOffset(history) ?? -1n))
}

/**
 * Number of the history that the backup knew of a partition after a commit; the first, where it knew none yet. undefined: it never knew one.
 * `state`: the newest of the backup. Pure.
 */
export function historyAt(
  state: BackupState,
  { topic, partition }: SourcePartition,
  commit: bigint,
): number | undefined {
  const histories = state.histories(topic, partition)
  return (histories.findLast(({ sinceCommit }) => sinceCommit <= commit) ?? histories[0])?.lineage
}
