import type { PartitionState, PlacedPart } from '../format/backup-state.ts'
import type { SegmentRecord } from '../format/segment-record.ts'

/** Parts of one history that follow each other and are written anew, into segments of that partition alone. */
export interface Stretch {
  readonly history: PartitionState
  readonly parts: readonly PlacedPart[]
  /** Data frames as stored. */
  readonly bytes: number
}

/** Objects that are replaced together: whole ones, so that what shares a bundle is in one unit. */
export interface CompactUnit {
  readonly objects: readonly SegmentRecord[]
  readonly stretches: readonly Stretch[]
}

/** True of an object that holds several partitions. */
export function isBundle({ parts }: SegmentRecord): boolean {
  return parts.length > 1
}

/** How many segments so many bytes become. */
export function segmentsOf(bytes: number, segmentMaxBytes: number): number {
  return Math.max(1, Math.ceil(bytes / segmentMaxBytes))
}
