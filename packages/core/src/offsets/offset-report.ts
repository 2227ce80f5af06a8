import type { GroupRecord } from '../format/groups-document.ts'
import type { TargetPlace } from '../format/restore-ledger.ts'

/** Why an offset has no place in the target. */
export type UnmappedReason =
  /** The restore takes nothing from the partition. */
  | 'not_restored'
  /** The partition had another history when the group committed. */
  | 'other_history'
  /** The restore takes the partition, but it is not known where its records would have gone, as none was written. */
  | 'nothing_written'
  /** The restore has not finished, and has not come so far. */
  | 'unfinished'
  /** The cluster has no such topic. */
  | 'no_topic'
  /** No record of the topic says where it comes from. */
  | 'no_headers'
  /** Records of the topic have the time of their arrival, and not that of the source. */
  | 'append_times'

/**
 * How a target offset was found. `exact`: the record of the committed offset. `next`: the first restored one behind it, because that one was
 * not restored. `end`: nothing from it on was restored; the end of what the restore wrote. `unchanged`: the restore has kept offsets.
 * `lowest_safe`: other sources of the same target partition are read from here, or records stand there in another order, so that some are read
 * again. `by_timestamp`: the first record that is as old as the oldest that is wanted; some may be read again. `uncommitted`: the group had
 * no offset there, and its records lie among those of sources that it reads: they count as not read. `unmapped`: not found.
 */
export type TargetHow =
  | 'exact'
  | 'next'
  | 'end'
  | 'unchanged'
  | 'lowest_safe'
  | 'by_timestamp'
  | 'uncommitted'
  | 'unmapped'

/** One committed offset of a group, and where the group goes on in one partition of the target. */
export interface ReportRow {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** As committed; null: the group had none, see `uncommitted`. */
  readonly sourceOffset: bigint | null
  /** null exactly when `how` is `unmapped`. */
  readonly target: TargetPlace | null
  /** What the group has to be set to in this partition; the same in all its rows. */
  readonly targetOffset: bigint | null
  readonly how: TargetHow
  readonly reason: UnmappedReason | null
  /** Records of the target partition that the group has read at the source and reads again; the same in all rows of the partition. */
  readonly repeats: bigint
  /** True: `repeats` is an upper bound. */
  readonly isRepeatsAtMost: boolean
}

/** A group of which no offset is known. */
export interface GroupWithoutOffsets extends Pick<GroupRecord, 'group' | 'type' | 'state'> {
  /** Why they could not be read; null: there is none. */
  readonly unread: string | null
}

/** A group whose offsets are older than the snapshot. */
export interface CarriedGroup extends Pick<GroupRecord, 'group' | 'readAtMs'> {
  readonly unread: string
}

/** Where groups go on in the target of a restore. */
export interface OffsetReport {
  /** In order of group, topic and partition of the source, and of the target. */
  readonly rows: readonly ReportRow[]
  readonly withoutOffsets: readonly GroupWithoutOffsets[]
  readonly carried: readonly CarriedGroup[]
}

/** True when an offset cannot be mapped though its partition was restored. */
export function isReportIncomplete({ rows, withoutOffsets }: OffsetReport): boolean {
  const isLost = rows.some(({ reason }) => reason !== null && reason !== 'not_restored')
  return isLost || withoutOffsets.some(({ unread }) => unread !== null)
}
