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
  /** What goes together into one larger bundle each; null: every stretch becomes segments of its own. */
  readonly packs: readonly (readonly Stretch[])[] | null
}

/** True of an object that holds several partitions. */
export function isBundle({ parts }: SegmentRecord): boolean {
  return parts.length > 1
}

/** How many segments so many bytes become. */
export function segmentsOf(bytes: number, segmentMaxBytes: number): number {
  return Math.max(1, Math.ceil(bytes / segmentMaxBytes))
}

/** What was kept without compression, or was compressed by its producers, is kept so. */
export function isPacked({ parts }: Stretch): boolean {
  return parts.some(({ part }) => part.storedBytes < part.rawBytes)
}

/** A stretch of these parts. */
export function stretchOf(history: PartitionState, parts: readonly PlacedPart[]): Stretch {
  return { history, parts, bytes: parts.reduce((sum, { part }) => sum + part.storedBytes, 0) }
}

/** A unit of everything that these stretches touch. */
export function unitOf(stretches: readonly Stretch[], packs: CompactUnit['packs'] = null): CompactUnit {
  const objects = new Set(stretches.flatMap(({ parts }) => parts.map(({ segment }) => segment)))
  return { objects: [...objects], stretches, packs }
}

/** Objects that a unit becomes, about. */
export function objectsOutOf({ stretches, packs }: CompactUnit, segmentMaxBytes: number): number {
  return packs?.length ?? stretches.reduce((sum, { bytes }) => sum + segmentsOf(bytes, segmentMaxBytes), 0)
}
