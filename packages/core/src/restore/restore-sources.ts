import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import {
  type BackupState,
  inheritedEndOffset,
  type PartitionState,
  type PlacedPart,
} from '../format/backup-state.ts'
import type { GapRecord, TopicRecord } from '../format/commit.ts'
import { extentOf, firstOffsetOf, leastRecords, type OffsetExtent } from './offset-extent.ts'
import { type PrunedExtent, prunedExtents } from './pruned-extent.ts'
import { type RecordTimes, timesOf } from './record-times.ts'
import { coverageOf, type TimeWindow } from './time-window.ts'

/** A part of which only what lies from `beginOffset` and below `endOffset` is restored; null: no bound inside the part. */
export interface ClippedPart extends PlacedPart {
  readonly beginOffset: bigint | null
  readonly endOffset: bigint | null
}

/** Offsets of a partition, both inclusive; null: from its first, to its last. */
export interface OffsetRange {
  readonly topic: string
  readonly partition: number
  readonly firstOffset: bigint | null
  readonly lastOffset: bigint | null
}

/** What of the partitions of the chosen topics is wanted. */
export interface SourceSelection {
  readonly isPartitionChosen?: (topic: string, partition: number) => boolean
  readonly offsetRanges?: readonly OffsetRange[]
  readonly window: TimeWindow | null
}

/** The newest history of a partition, and what of it and of those before is restored. */
export interface RestoreSource {
  readonly history: PartitionState
  readonly parts: readonly ClippedPart[]
  readonly records: number
  readonly isExact: boolean
  readonly rawBytes: number
  readonly offsets: OffsetExtent
  /** Of what is chosen, whatever the window. */
  readonly times: RecordTimes
  /** At least so many records are restored; the same as `records` if that is exact. */
  readonly leastRecords: number
}

/** The sources of the chosen topics, in order of topic and partition. @throws KB_USAGE for a range of what is not restored */
export function planSources(
  state: BackupState,
  topics: readonly TopicRecord[],
  selection: SourceSelection,
): {
  readonly sources: readonly RestoreSource[]
  readonly gaps: readonly GapRecord[]
  readonly pruned: readonly PrunedExtent[]
} {
  const ranges = selection.offsetRanges ?? []
  const newest = topics.flatMap((topic) => currentHistories(state, topic))
  const chosen = newest.filter(
    ({ topic, partition }) => selection.isPartitionChosen?.(topic, partition) ?? true,
  )
  if (newest.length > 0 && chosen.length === 0) {
    throw new KafkaBackupError('KB_USAGE', 'none of the chosen topics has a partition that was chosen')
  }
  const astray = ranges.find((range) => !chosen.some((history) => isOf(range, history)))
  if (astray) {
    const name = `${astray.topic}/${astray.partition}`
    throw new KafkaBackupError('KB_USAGE', `offsets of ${name} were chosen, which is not restored`, {
      context: { topic: astray.topic, partition: astray.partition },
    })
  }
  for (const history of chosen) {
    assertBegun(history, ranges)
    assertNotBefore(state.histories(history.topic, history.partition), history, ranges)
  }
  const read = chosen.map((history) => {
    const own = ranges.filter((range) => isOf(range, history))
    const histories = state.histories(history.topic, history.partition)
    const intervals = mergedIntervals(own)
    const { source, gaps } = sourceOf(
      history,
      clipped(below(histories, history, null), intervals),
      selection.window,
    )
    const bounds = { first: intervals[0]?.first ?? null, end: intervals.at(-1)?.end ?? null }
    const offsets = extentOf(histories, history, source.parts, { bounds, window: selection.window })
    const pruned = prunedExtents(histories, history, { ranges: own, window: selection.window })
    return { source: { ...source, offsets }, gaps, pruned }
  })
  return {
    sources: read.map(({ source }) => source),
    gaps: read.flatMap(({ gaps }) => gaps),
    pruned: read.flatMap(({ pruned }) => pruned),
  }
}

/** A range that begins where nothing was backed up is a slip, and would restore nothing. */
function assertBegun(history: PartitionState, ranges: readonly OffsetRange[]): void {
  const { topic, partition, nextOffset } = history
  const beyond = ranges.find(
    (range) => isOf(range, history) && range.firstOffset !== null && range.firstOffset >= nextOffset,
  )
  if (!beyond) return
  throw new KafkaBackupError(
    'KB_USAGE',
    `offsets of ${topic}/${partition} from ${beyond.firstOffset} on were chosen, and the backup holds none from ${nextOffset} on`,
    { context: { topic, partition, offset: nextOffset.toString() } },
  )
}

/** What lies below the first offset of a backup is gone, or was never there. */
function assertNotBefore(
  histories: readonly PartitionState[],
  history: PartitionState,
  ranges: readonly OffsetRange[],
): void {
  const { topic, partition } = history
  // What was pruned was there: a restore of it is incomplete, and says why.
  const choice = { ranges: [], window: null }
  const begin = prunedExtents(histories, history, choice)
    .map(({ firstOffset }) => firstOffset)
    .reduce((least, offset) => (offset < least ? offset : least), firstOffsetOf(histories, history))
  const before = ranges.find(
    (range) => isOf(range, history) && range.lastOffset !== null && range.lastOffset < begin,
  )
  if (!before) return
  throw new KafkaBackupError(
    'KB_USAGE',
    `offsets of ${topic}/${partition} up to ${before.lastOffset} were chosen, and the backup holds none below ${begin}`,
    { context: { topic, partition, offset: begin.toString() } },
  )
}

function isOf(range: OffsetRange, { topic, partition }: PartitionState): boolean {
  return range.topic === topic && range.partition === partition
}

/** The newest history of each partition that the topic has: what is above its count belongs to an earlier topic. */
function currentHistories(state: BackupState, topic: TopicRecord): PartitionState[] {
  return state
    .partitions()
    .filter((entry) => entry.topic === topic.name && entry.partition < topic.partitions)
    .filter((entry) => state.partition(entry.topic, entry.partition) === entry)
}

/** Parts and gaps of one partition, in order of offset. */
interface Extent {
  readonly parts: readonly ClippedPart[]
  readonly gaps: readonly GapRecord[]
}

/** A history up to `endOffset` (null: to its end), with what it inherits from those before it. */
function below(
  histories: readonly PartitionState[],
  history: PartitionState,
  endOffset: bigint | null,
): Extent {
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
interface Interval {
  readonly first: bigint
  readonly end: bigint | null
}

/** Ascending and apart; ranges that touch are one. */
function mergedIntervals(ranges: readonly OffsetRange[]): readonly Interval[] {
  const intervals = ranges
    .map(({ firstOffset, lastOffset }) => ({
      first: firstOffset ?? 0n,
      end: lastOffset === null ? null : lastOffset + 1n,
    }))
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const merged: Interval[] = []
  for (const interval of intervals) {
    const last = merged.at(-1)
    if (!last || (last.end !== null && last.end < interval.first)) merged.push(interval)
    else if (last.end !== null && (interval.end === null || interval.end > last.end)) {
      merged[merged.length - 1] = { first: last.first, end: interval.end }
    }
  }
  return merged
}

/** Without intervals there is no choice. A part that several of them touch is there once for each. */
function clipped(extent: Extent, intervals: readonly Interval[]): Extent {
  if (intervals.length === 0) return extent
  const pieces = intervals.map((interval) => clippedTo(extent, interval))
  return { parts: pieces.flatMap(({ parts }) => parts), gaps: pieces.flatMap(({ gaps }) => gaps) }
}

function clippedTo(extent: Extent, { first, end }: Interval): Extent {
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

function sourceOf(
  history: PartitionState,
  extent: Extent,
  window: TimeWindow | null,
): { readonly source: Omit<RestoreSource, 'offsets'>; readonly gaps: readonly GapRecord[] } {
  const parts = extent.parts.filter(({ part }) => coverageOf(window, part) !== 'outside')
  const source = {
    history,
    parts,
    records: parts.reduce((sum, { part }) => sum + part.records, 0),
    isExact: parts.every((clip) => isCounted(clip, window)),
    rawBytes: parts.reduce((sum, { part }) => sum + part.rawBytes, 0),
    times: timesOf(extent.parts),
    leastRecords: leastRecords(parts, window),
  }
  return { source, gaps: extent.gaps }
}

/** True when every committed record of the part is restored: then its count is the count. */
export function isCounted(clip: ClippedPart, window: TimeWindow | null): boolean {
  const { part, beginOffset, endOffset } = clip
  return beginOffset === null && endOffset === null && coverageOf(window, part) === 'inside'
}
