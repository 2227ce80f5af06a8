import { type BackupState, inheritedEndOffset } from '../format/backup-state.ts'
import type { WantedOffset } from './translate-offsets.ts'

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
