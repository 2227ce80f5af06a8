import { inheritedEndOffset, type PartitionState } from '../format/backup-state.ts'
import type { ClippedPart } from '../format/held-parts.ts'
import { heldBeginOffset } from '../format/pruned-history.ts'
import { coverageOf, type TimeWindow } from './time-window.ts'

/** Offsets of the source that a restored partition covers, its holes included: from the first one to below `endOffset`. */
export interface OffsetExtent {
  readonly beginOffset: bigint
  readonly endOffset: bigint
}

/** Bounds of what was chosen; null: there is none. */
export interface ChosenBounds {
  readonly first: bigint | null
  readonly end: bigint | null
}

/**
 * Without a choice all that the backup holds: from the first offset that is left of the history, or of those that it goes on from, to its end. With a
 * time window from the first part to the last one that has records in it. Nothing is kept free before the first part of a range.
 */
export function extentOf(
  histories: readonly PartitionState[],
  history: PartitionState,
  parts: readonly ClippedPart[],
  choice: { readonly bounds: ChosenBounds; readonly window: TimeWindow | null },
): OffsetExtent {
  const { bounds, window } = choice
  const [first, last] = [parts[0], parts.at(-1)]
  const known = { beginOffset: firstOffsetOf(histories, history), endOffset: history.nextOffset }
  const whole =
    window === null
      ? known
      : {
          beginOffset: first?.part.firstOffset ?? known.endOffset,
          endOffset: last?.part.nextOffset ?? known.endOffset,
        }
  const endOffset = bounds.end !== null && bounds.end < whole.endOffset ? bounds.end : whole.endOffset
  const isCut = bounds.first !== null && bounds.first > whole.beginOffset
  const wanted = isCut ? higher(first?.part.firstOffset ?? endOffset, bounds.first) : whole.beginOffset
  const beginOffset = higher(whole.beginOffset, wanted)
  return { beginOffset, endOffset: higher(endOffset, beginOffset) }
}

/** The first offset of a history, or of those that it goes on from. */
export function firstOffsetOf(histories: readonly PartitionState[], history: PartitionState): bigint {
  const previous = histories.find((entry) => entry.lineage === history.lineage - 1)
  const inheritedEnd = inheritedEndOffset(history)
  if (!previous || inheritedEnd === null) return heldBeginOffset(history)
  const before = firstOffsetOf(histories, previous)
  return before < inheritedEnd ? before : heldBeginOffset(history)
}

/** Records that are certainly restored: holes of a part that is restored in part may lie anywhere in it. */
export function leastRecords(parts: readonly ClippedPart[], window: TimeWindow | null): number {
  return parts.reduce((sum, clip) => sum + leastOfPart(clip, window), 0)
}

function leastOfPart({ part, beginOffset, endOffset }: ClippedPart, window: TimeWindow | null): number {
  if (coverageOf(window, part) !== 'inside') return 0
  const end = part.lastOffset + 1n
  const first = beginOffset !== null && beginOffset > part.firstOffset ? beginOffset : part.firstOffset
  const wanted = Number((endOffset !== null && endOffset < end ? endOffset : end) - first)
  const holes = Number(end - part.firstOffset) - part.records
  return Math.max(0, wanted - holes)
}

function higher(a: bigint, b: bigint | null): bigint {
  return b !== null && b > a ? b : a
}
