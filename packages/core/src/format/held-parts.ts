import { type BackupState, inheritedEndOffset, type PartitionState, type PlacedPart } from './backup-state.ts'
import type { GapRecord } from './commit.ts'

/** A part of which only what lies from `beginOffset` and below `endOffset` is meant; null: no bound inside the part. */
export interface ClippedPart extends PlacedPart {
  readonly beginOffset: bigint | null
  readonly endOffset: bigint | null
}

/** Parts and gaps of one partition, in order of offset. */
export interface HeldExtent {
  readonly parts: readonly ClippedPart[]
  readonly gaps: readonly GapRecord[]
}

/** Everything that the backup holds of a history, with what it inherits from those before it. */
export function heldExtent(histories: readonly PartitionState[], history: PartitionState): HeldExtent {
  return below(histories, history, null)
}

/** Up to `endOffset`; null: to its end. */
function below(
  histories: readonly PartitionState[],
  history: PartitionState,
  endOffset: bigint | null,
): HeldExtent {
  const previous = histories.find((entry) => entry.lineage === history.lineage - 1)
  const inheritedEnd = inheritedEndOffset(history)
  const inherited =
    previous && inheritedEnd !== null
      ? below(histories, previous, endOffset === null ? inheritedEnd : lower(inheritedEnd, endOffset))
      : { parts: [], gaps: [] }
  const whole = history.parts.map((placed) => ({ ...placed, beginOffset: null, endOffset: null }))
  const own = clippedTo({ parts: whole, gaps: history.gaps }, { first: 0n, end: endOffset })
  return { parts: [...inherited.parts, ...own.parts], gaps: [...inherited.gaps, ...own.gaps] }
}

/** What a history and those before it hold of the offsets from `first` below `end`, in order. */
export function partsWithin(
  state: BackupState,
  history: PartitionState,
  first: bigint,
  end: bigint,
): readonly ClippedPart[] {
  const all = below(state.histories(history.topic, history.partition), history, null)
  return clippedTo(all, { first, end }).parts
}

/** Offsets from `first` below `end`; null: without end. */
export interface OffsetSpan {
  readonly first: bigint
  readonly end: bigint | null
}

/** What of an extent lies between two offsets. */
export function clippedTo(extent: HeldExtent, { first, end }: OffsetSpan): HeldExtent {
  const parts = extent.parts.flatMap((clip): ClippedPart[] => {
    const { part } = clip
    const endOffset = lowerEnd(clip.endOffset, end !== null && end < part.nextOffset ? end : null)
    const beginOffset = first > part.firstOffset ? first : null
    const isEmpty =
      (endOffset !== null && (endOffset <= part.firstOffset || endOffset <= first)) || first > part.lastOffset
    return isEmpty ? [] : [{ ...clip, beginOffset: beginOffset ?? clip.beginOffset, endOffset }]
  })
  const gaps = extent.gaps
    .filter((gap) => gap.endOffset > first && (end === null || gap.firstOffset < end))
    .map((gap) => ({
      ...gap,
      firstOffset: gap.firstOffset < first ? first : gap.firstOffset,
      endOffset: lowerEnd(gap.endOffset, end) ?? gap.endOffset,
    }))
  return { parts, gaps }
}

function lowerEnd(a: bigint | null, b: bigint | null): bigint | null {
  if (a === null) return b
  return b === null ? a : lower(a, b)
}

function lower(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
