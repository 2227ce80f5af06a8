import { inheritedEndOffset, type PartitionState } from '../format/backup-state.ts'
import type { OffsetRange } from './restore-sources.ts'
import type { TimeWindow } from './time-window.ts'

/** Offsets [firstOffset, endOffset) of one history that were pruned, and lie before what is restored. */
export interface PrunedExtent {
  readonly topic: string
  readonly partition: number
  readonly lineage: number
  readonly firstOffset: bigint
  readonly endOffset: bigint
  /** Newest effective timestamp of what was pruned, in milliseconds. */
  readonly maxTimestampMs: bigint
  /** It was asked for: the time window or a range of offsets reaches into it. */
  readonly isWanted: boolean
}

/** What somebody chose of a partition. */
export interface ExtentChoice {
  /** Of this partition; empty: all of it. */
  readonly ranges: readonly OffsetRange[]
  readonly window: TimeWindow | null
}

/** What was pruned of a history and of those that it goes on from, oldest first. */
export function prunedExtents(
  histories: readonly PartitionState[],
  history: PartitionState,
  choice: ExtentChoice,
): PrunedExtent[] {
  const previous = histories.find((entry) => entry.lineage === history.lineage - 1)
  const inheritedEnd = inheritedEndOffset(history)
  const inherited =
    previous && inheritedEnd !== null
      ? prunedExtents(histories, previous, choice).flatMap((extent) => belowOffset(extent, inheritedEnd))
      : []
  const { pruned, topic, partition, lineage, beginOffset: firstOffset } = history
  if (!pruned) return inherited
  const { endOffset, maxTimestampMs } = pruned
  const bounds = { firstOffset, endOffset }
  const isWanted = isInRanges(bounds, choice.ranges) && isInTimes(pruned, choice)
  return [...inherited, { topic, partition, lineage, ...bounds, maxTimestampMs, isWanted }]
}

function belowOffset(extent: PrunedExtent, end: bigint): PrunedExtent[] {
  if (extent.firstOffset >= end) return []
  return [{ ...extent, endOffset: extent.endOffset < end ? extent.endOffset : end }]
}

/** A range without a first offset begins where the backup does, unless it ends before that. */
function isInRanges(
  { firstOffset, endOffset }: Pick<PrunedExtent, 'firstOffset' | 'endOffset'>,
  ranges: readonly OffsetRange[],
): boolean {
  if (ranges.length === 0) return true
  return ranges.some(({ firstOffset: first, lastOffset: last }) => {
    if (last !== null && last < firstOffset) return false
    return first === null ? last !== null && last < endOffset : first < endOffset
  })
}

/**
 * A window without a begin wants what the backup holds, unless it ends before the newest record that was pruned: that moment cannot be
 * restored. Without a window, only offsets say what is wanted.
 */
function isInTimes(
  { minTimestampMs: min, maxTimestampMs: max }: NonNullable<PartitionState['pruned']>,
  { window, ranges }: ExtentChoice,
): boolean {
  if (window === null) return ranges.length > 0
  const { fromMs, toMs } = window
  if (toMs !== null && min !== null && toMs < min) return false
  return fromMs === null ? toMs !== null && toMs < max : fromMs <= max
}
