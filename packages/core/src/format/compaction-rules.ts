import type { BackupState, PartitionState } from './backup-state.ts'
import { canonicalJson } from './canonical-json.ts'
import type { CompactionRecord } from './compaction-record.ts'
import { isPartWellFormed, type PlacedPart } from './fold-step.ts'
import type { LeaderEpochStart } from './segment-index.ts'
import type { LastBatch, SegmentPart, SegmentRecord } from './segment-record.ts'

/** What a commit that compacts says. */
export interface CompactionContent {
  readonly segments: readonly SegmentRecord[]
  readonly compacted: CompactionRecord
}

/**
 * Why a commit cannot replace what it names; undefined when it can. Only whole objects are replaced, and offset by offset what is new is
 * what was there: the same ranges, the same holes, as many batches, records and bytes, the same epochs and times.
 */
export function compactionRefusal(
  { segments, compacted }: CompactionContent,
  state: Pick<BackupState, 'segments' | 'histories'>,
): string | undefined {
  const held = new Map(state.segments.map((segment) => [segment.key, segment]))
  const known = segments.find(({ key }) => held.has(key))
  if (known) return `${known.key} is there already`
  const replaced: SegmentRecord[] = []
  for (const key of compacted.objects) {
    const segment = held.get(key)
    if (!segment) return `${key} is not held`
    replaced.push(segment)
  }
  const before = placedByHistory(replaced)
  const after = placedByHistory(segments)
  const strange = [...after.keys()].find((name) => !before.has(name))
  if (strange !== undefined) return `${strange} has nothing that is replaced`
  for (const [name, parts] of before) {
    const refusal = historyRefusal(parts.map(partOf), (after.get(name) ?? []).map(partOf))
    if (refusal !== undefined) return `${name} ${refusal}`
  }
  return undefined
}

/** Puts the new parts of one history in the place of those of `replaced` segments. */
export function replaceParts(
  history: PartitionState,
  replaced: ReadonlySet<string>,
  parts: readonly PlacedPart[],
): void {
  const kept = history.parts.filter(({ segment }) => !replaced.has(segment.key))
  history.parts.splice(0, history.parts.length, ...[...kept, ...parts].sort(byBeginOffset))
}

/** Name of the history that a part belongs to. */
export function historyKey({
  topic,
  partition,
  lineage,
}: Pick<SegmentPart, 'topic' | 'partition' | 'lineage'>): string {
  return `${topic}/${partition} history ${lineage}`
}

/** The parts of segments by {@link historyKey}, in order of offset. */
export function placedByHistory(segments: readonly SegmentRecord[]): Map<string, PlacedPart[]> {
  const placed = segments.flatMap((segment) => segment.parts.map((part) => ({ segment, part })))
  const grouped = Map.groupBy(placed, ({ part }) => historyKey(part))
  for (const parts of grouped.values()) parts.sort(byBeginOffset)
  return grouped
}

function partOf({ part }: PlacedPart): SegmentPart {
  return part
}

function historyRefusal(before: readonly SegmentPart[], after: readonly SegmentPart[]): string | undefined {
  if (!after.every(isPartWellFormed)) return 'has offsets out of order'
  const expected = stretchesOf(before).map(summaryOf)
  const found = stretchesOf(after).map(summaryOf)
  for (const [at, summary] of expected.entries()) {
    const other = found[at]
    const range = `${summary.beginOffset}-${summary.nextOffset}`
    if (!other || other.beginOffset !== summary.beginOffset || other.nextOffset !== summary.nextOffset) {
      return `is not replaced from ${range}`
    }
    if (textOf(summary) !== textOf(other)) return `would hold something else in ${range}`
    // What was not known may be known now; what was known does not change.
    if (summary.minTimestampMs !== null && summary.minTimestampMs !== other.minTimestampMs) {
      return `would have another first timestamp in ${range}`
    }
    if (summary.lastBatch && batchText(summary.lastBatch) !== batchText(other.lastBatch)) {
      return `would end with another batch in ${range}`
    }
  }
  return expected.length === found.length ? undefined : 'is given more than is replaced'
}

/** Parts that follow each other without an offset between them. */
function stretchesOf(parts: readonly SegmentPart[]): SegmentPart[][] {
  const stretches: SegmentPart[][] = []
  for (const part of parts) {
    const current = stretches.at(-1)
    if (current?.at(-1)?.nextOffset === part.beginOffset) current.push(part)
    else stretches.push([part])
  }
  return stretches
}

function summaryOf(parts: readonly SegmentPart[]) {
  const sum = (pick: (part: SegmentPart) => number) => parts.reduce((total, part) => total + pick(part), 0)
  const dated = parts.filter((part) => part.batches > part.controlBatches)
  const minima = dated.map((part) => part.minTimestampMs)
  return {
    beginOffset: parts[0]?.beginOffset,
    nextOffset: parts.at(-1)?.nextOffset,
    firstOffset: parts[0]?.firstOffset,
    holes: parts.flatMap(({ holes }) => holes),
    records: sum((part) => part.records),
    abortedRecords: sum((part) => part.abortedRecords),
    batches: sum((part) => part.batches),
    controlBatches: sum((part) => part.controlBatches),
    rawBytes: sum((part) => part.rawBytes),
    leaderEpochs: mergedEpochs(parts),
    largestBatchBytes: parts.reduce((max, part) => Math.max(max, part.largestBatchBytes), 0),
    maxTimestampMs: parts.reduce((max, part) => larger(max, part.maxTimestampMs), -1n),
    minTimestampMs: minima.reduce<bigint | null>((min, own) => smaller(min, own), minima[0] ?? null),
    lastBatch: parts.at(-1)?.lastBatch ?? null,
  }
}

function textOf({
  minTimestampMs: _min,
  lastBatch: _last,
  ...summary
}: ReturnType<typeof summaryOf>): string {
  return canonicalJson(summary)
}

function batchText(batch: LastBatch | null): string {
  return batch ? `${batch.baseOffset} ${batch.crc}` : ''
}

function mergedEpochs(parts: readonly SegmentPart[]): LeaderEpochStart[] {
  const merged: LeaderEpochStart[] = []
  for (const entry of parts.flatMap(({ leaderEpochs }) => leaderEpochs)) {
    if (merged.at(-1)?.[0] !== entry[0]) merged.push(entry)
  }
  return merged
}

function byBeginOffset({ part: a }: PlacedPart, { part: b }: PlacedPart): number {
  return a.beginOffset < b.beginOffset ? -1 : a.beginOffset > b.beginOffset ? 1 : 0
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function smaller(a: bigint | null, b: bigint | null): bigint | null {
  if (a === null || b === null) return null
  return a < b ? a : b
}
