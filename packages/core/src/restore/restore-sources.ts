import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState, PartitionState } from '../format/backup-state.ts'
import type { GapRecord, TopicRecord } from '../format/commit.ts'
import {
  type ClippedPart,
  clippedTo,
  type HeldExtent,
  heldExtent,
  type OffsetSpan,
} from '../format/held-parts.ts'
import { extentOf, firstOffsetOf, leastRecords, type OffsetExtent } from './offset-extent.ts'
import { type PrunedExtent, prunedExtents } from './pruned-extent.ts'
import { type RecordTimes, timesOf } from './record-times.ts'
import { coverageOf, type TimeWindow } from './time-window.ts'

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
      clipped(heldExtent(histories, history), intervals),
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

/** Ascending and apart; ranges that touch are one. */
function mergedIntervals(ranges: readonly OffsetRange[]): readonly OffsetSpan[] {
  const intervals = ranges
    .map(({ firstOffset, lastOffset }) => ({
      first: firstOffset ?? 0n,
      end: lastOffset === null ? null : lastOffset + 1n,
    }))
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const merged: OffsetSpan[] = []
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
function clipped(extent: HeldExtent, intervals: readonly OffsetSpan[]): HeldExtent {
  if (intervals.length === 0) return extent
  const pieces = intervals.map((interval) => clippedTo(extent, interval))
  return { parts: pieces.flatMap(({ parts }) => parts), gaps: pieces.flatMap(({ gaps }) => gaps) }
}

function sourceOf(
  history: PartitionState,
  extent: HeldExtent,
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
