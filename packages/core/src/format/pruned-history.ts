import { z } from 'zod'
import type { PartitionState } from './backup-state.ts'
import { canonicalJson } from './canonical-json.ts'
import { count, decimalString, lineage, offsetString, partition, topicName } from './document-fields.ts'
import { type PrunedRange, type PruneRecord, prunedRangeDocument } from './prune-record.ts'

/** What a history no longer holds, over all commits that pruned it: its offsets below `endOffset`. */
export interface PrunedHistory {
  readonly endOffset: bigint
  /** The newest commit that pruned it. */
  readonly commit: bigint
  readonly records: number
  readonly segments: number
  readonly storedBytes: number
  /** Effective timestamps in milliseconds; null: not known. */
  readonly minTimestampMs: bigint | null
  readonly maxTimestampMs: bigint
}

/** {@link PrunedHistory} with the history that it is of, as a snapshot holds it. */
export interface FoldedPrune extends PrunedHistory {
  readonly topic: string
  readonly partition: number
  readonly lineage: number
  /** Where the history begins. */
  readonly beginOffset: bigint
}

/** First offset that a history still holds, or its end when it holds nothing. */
export function heldBeginOffset(history: Pick<PartitionState, 'beginOffset' | 'pruned'>): bigint {
  return history.pruned?.endOffset ?? history.beginOffset
}

/** Number of parts at the begin of a history that end at or below an offset. */
export function partsBelow({ parts }: Pick<PartitionState, 'parts'>, endOffset: bigint): number {
  const at = parts.findIndex(({ part }) => part.nextOffset > endOffset)
  return at < 0 ? parts.length : at
}

/** The range that ends with the part `count - 1` of a history. Pure. */
export function prunedRangeOf(history: PartitionState, partCount: number): PrunedRange {
  const dropped = history.parts.slice(0, partCount)
  const endOffset = dropped.at(-1)?.part.nextOffset ?? heldBeginOffset(history)
  const quarantined = history.gaps.flatMap((gap) =>
    gap.endOffset <= endOffset && gap.quarantine ? [gap.quarantine.key] : [],
  )
  const parts = dropped.map(({ part }) => part)
  return {
    topic: history.topic,
    partition: history.partition,
    lineage: history.lineage,
    firstOffset: heldBeginOffset(history),
    endOffset,
    records: parts.reduce((sum, part) => sum + part.records, 0),
    storedBytes: dropped.reduce((sum, { segment }) => sum + segment.bytes, 0),
    minTimestampMs: parts.reduce<bigint | null>(
      (min, part) => lower(min, part.minTimestampMs),
      parts[0]?.minTimestampMs ?? null,
    ),
    maxTimestampMs: parts.reduce((max, part) => higher(max, part.maxTimestampMs), -1n),
    objects: [...dropped.map(({ segment }) => segment.key), ...quarantined],
  }
}

/** What a history has lost when a commit prunes one more range of it. */
export function withRange(
  before: PrunedHistory | null,
  range: PrunedRange,
  { commit, segments }: Pick<PrunedHistory, 'commit' | 'segments'>,
): PrunedHistory {
  return {
    endOffset: range.endOffset,
    commit,
    records: (before?.records ?? 0) + range.records,
    segments: (before?.segments ?? 0) + segments,
    storedBytes: (before?.storedBytes ?? 0) + range.storedBytes,
    minTimestampMs: before ? lower(before.minTimestampMs, range.minTimestampMs) : range.minTimestampMs,
    maxTimestampMs: higher(before?.maxTimestampMs ?? -1n, range.maxTimestampMs),
  }
}

/**
 * Why a commit cannot prune what it names; undefined when it can. Nothing but whole segments from the begin of what is held goes,
 * the oldest history first, and never the last segment of the newest one: by it the next run knows the source's log again.
 */
export function pruneRefusal(
  { partitions }: Pick<PruneRecord, 'partitions'>,
  historiesOf: (topic: string, partition: number) => readonly PartitionState[],
): string | undefined {
  const ends = new Map<string, bigint>()
  const nameOf = (topic: string, number: number, line: number) => `${topic}/${number} history ${line}`
  for (const range of partitions) {
    const { topic, partition: number, lineage: line } = range
    const name = nameOf(topic, number, line)
    if (ends.has(name)) return `${name} is pruned twice`
    const histories = historiesOf(topic, number)
    const history = histories.find((entry) => entry.lineage === line)
    if (!history) return `${name} never began`
    const earlier = histories.find((entry) => entry.lineage === line - 1)
    const earlierEnd = earlier && (ends.get(nameOf(topic, number, line - 1)) ?? heldBeginOffset(earlier))
    if (earlier && earlierEnd !== undefined && partsBelow(earlier, earlierEnd) < earlier.parts.length) {
      return `${name} is pruned before the history that it goes on from`
    }
    const refusal = rangeRefusal(history, range, history === histories.at(-1))
    if (refusal !== undefined) return `${name} ${refusal}`
    ends.set(name, range.endOffset)
  }
  return undefined
}

function rangeRefusal(history: PartitionState, range: PrunedRange, isNewest: boolean): string | undefined {
  const partCount = partsBelow(history, range.endOffset)
  if (partCount === 0) return `holds no segment below ${range.endOffset}`
  if (isNewest && partCount === history.parts.length) return 'would lose its last segment'
  if (history.parts.slice(0, partCount).some(({ segment }) => segment.parts.length > 1)) {
    return 'has a segment of several partitions there'
  }
  const expected = canonicalJson(prunedRangeDocument(prunedRangeOf(history, partCount)))
  if (canonicalJson(prunedRangeDocument(range)) === expected) return undefined
  return `does not hold exactly that below ${range.endOffset}`
}

/** Schema of an entry of `pruned` of a snapshot. */
export const foldedPruneSchema = z
  .object({
    topic: topicName,
    partition,
    lineage,
    begin_offset: offsetString,
    end_offset: offsetString,
    commit: offsetString,
    records: count,
    segments: count,
    stored_bytes: count,
    min_timestamp: decimalString.nullable(),
    max_timestamp: decimalString,
  })
  .transform(
    (entry): FoldedPrune => ({
      topic: entry.topic,
      partition: entry.partition,
      lineage: entry.lineage,
      beginOffset: entry.begin_offset,
      endOffset: entry.end_offset,
      commit: entry.commit,
      records: entry.records,
      segments: entry.segments,
      storedBytes: entry.stored_bytes,
      minTimestampMs: entry.min_timestamp,
      maxTimestampMs: entry.max_timestamp,
    }),
  )

/** An entry of `pruned` of a snapshot; undefined when the history holds everything. */
export function foldedPruneDocument({
  topic,
  partition: number,
  lineage: line,
  beginOffset,
  pruned,
}: PartitionState) {
  if (!pruned) return undefined
  return {
    topic,
    partition: number,
    lineage: line === 1 ? undefined : line,
    begin_offset: beginOffset.toString(),
    end_offset: pruned.endOffset.toString(),
    commit: pruned.commit.toString(),
    records: pruned.records,
    segments: pruned.segments,
    stored_bytes: pruned.storedBytes,
    min_timestamp: pruned.minTimestampMs === null ? null : pruned.minTimestampMs.toString(),
    max_timestamp: pruned.maxTimestampMs.toString(),
  }
}

function lower(a: bigint | null, b: bigint | null): bigint | null {
  if (a === null || b === null) return null
  return a < b ? a : b
}

function higher(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
