import type { BackupState, PartitionState } from '../format/backup-state.ts'
import type { ArtifactRecord, PrunedRange } from '../format/commit.ts'
import { supersededDocuments } from '../format/pruned-documents.ts'
import { partsBelow, prunedRangeOf } from '../format/pruned-history.ts'

/** What is to go. `beforeMs` and `maxBytes` each take segments; a `floor` alone takes everything that it does not protect. Without any of them nothing goes. */
export interface PruneChoice {
  /** Segments go whose newest record is older; milliseconds since the epoch. */
  readonly beforeMs: bigint | null
  /** The oldest segments go until all that is left has at most so many bytes. */
  readonly maxBytes: number | null
  /** Nothing goes that this earlier state does not hold; null: no such bound. */
  readonly floor: BackupState | null
  /** Documents go that all of these earlier states name, but for the newest of its kind in any of them; empty: none goes. */
  readonly documentBounds: readonly BackupState[]
  readonly isChosen: (topic: string) => boolean
  /** Also topics in which segments show holes of compaction: their oldest records may be the newest of their keys. */
  readonly hasCompacted: boolean
}

/** One history of which segments go. Sizes in bytes, timestamps in milliseconds. */
export interface PrunePlanEntry {
  readonly range: PrunedRange
  readonly segments: number
}

/** What a prune will take out; nothing was changed yet. */
export interface PrunePlan {
  readonly backupId: string
  /** The newest commit that it was made from. */
  readonly commit: bigint
  readonly entries: readonly PrunePlanEntry[]
  /** Documents that go, in the order of the log. */
  readonly documents: readonly ArtifactRecord[]
  readonly segments: number
  readonly records: number
  readonly storedBytes: number
  /** Length of the segments that are held before and after. */
  readonly heldBytes: number
  readonly leftBytes: number
  /** Topics that were left alone because they are compacted. */
  readonly compactedTopics: readonly string[]
  /** Moment up to which records are lost: of what lies behind it, everything is still held. null: nothing was pruned, ever. */
  readonly prunedUntilMs: bigint | null
}

/** A segment that may go, once everything before it in its partition goes. */
interface Candidate {
  readonly history: PartitionState
  /** Parts of the history up to and with this one. */
  readonly count: number
  readonly bytes: number
  readonly order: number
  /** Largest timestamp of it and of those before. */
  readonly newestMs: bigint
  /** False when one of them has records without any timestamp. */
  readonly isDated: boolean
}

/** Decides which segments go: whole ones, from the begin of what each partition holds. Pure. */
export function planPrune(state: BackupState, choice: PruneChoice): PrunePlan {
  const compacted = choice.hasCompacted ? new Set<string>() : compactedTopicsOf(state)
  const lines = candidateLines(state, choice, compacted)
  const heldBytes = state.segments.reduce((sum, { bytes }) => sum + bytes, 0)
  const dropped = new Set<Candidate>([...byTime(lines, choice), ...bySize(lines, choice, heldBytes)])
  if (isFloorAlone(choice)) for (const one of lines.flat()) dropped.add(one)
  const counts = new Map<PartitionState, number>()
  for (const { history, count } of dropped) counts.set(history, Math.max(counts.get(history) ?? 0, count))
  const entries = [...counts].map(([history, segments]) => {
    return { range: prunedRangeOf(history, segments), segments }
  })
  const sum = (pick: (entry: PrunePlanEntry) => number) =>
    entries.reduce((total, entry) => total + pick(entry), 0)
  const storedBytes = sum(({ range }) => range.storedBytes)
  return {
    backupId: state.backupId,
    commit: state.tip?.number ?? 0n,
    entries,
    documents: documentsOf(state, choice),
    segments: sum(({ segments }) => segments),
    records: sum(({ range }) => range.records),
    storedBytes,
    heldBytes,
    leftBytes: heldBytes - storedBytes,
    compactedTopics: [...compacted].filter((topic) => choice.isChosen(topic)).sort(),
    prunedUntilMs: latest([
      ...state.partitions().map(({ pruned }) => pruned?.maxTimestampMs ?? null),
      ...entries.map(({ range }) => range.maxTimestampMs),
    ]),
  }
}

function documentsOf(state: BackupState, { documentBounds }: PruneChoice): ArtifactRecord[] {
  if (documentBounds.length === 0) return []
  const bounds = documentBounds.map(({ artifacts }) => {
    return new Set(supersededDocuments(artifacts).map(({ key }) => key))
  })
  return supersededDocuments(state.artifacts).filter(({ key }) => bounds.every((keys) => keys.has(key)))
}

function isFloorAlone({ beforeMs, maxBytes, floor }: PruneChoice): boolean {
  return floor !== null && beforeMs === null && maxBytes === null
}

/** Holes between batches are left by compaction alone. */
function compactedTopicsOf(state: BackupState): Set<string> {
  const compacted = state.partitions().filter(({ parts }) => parts.some(({ part }) => part.holes.length > 0))
  return new Set(compacted.map(({ topic }) => topic))
}

/** For each partition what may go, oldest first, the older histories before the newest. */
function candidateLines(
  state: BackupState,
  choice: PruneChoice,
  compacted: ReadonlySet<string>,
): Candidate[][] {
  const partitions = [
    ...Map.groupBy(state.partitions(), ({ topic, partition }) => `${topic}/${partition}`).values(),
  ]
  return partitions
    .filter(([first]) => first && choice.isChosen(first.topic) && !compacted.has(first.topic))
    .map((histories) => lineOf(histories, choice.floor))
}

function lineOf(histories: readonly PartitionState[], floor: BackupState | null): Candidate[] {
  const line: Candidate[] = []
  let newestMs = -1n
  let isDated = true
  for (const history of histories) {
    const most = prunableParts(history, history === histories.at(-1), floor)
    for (const [at, { part, segment }] of history.parts.slice(0, most).entries()) {
      if (part.maxTimestampMs > newestMs) newestMs = part.maxTimestampMs
      if (part.maxTimestampMs < 0n && part.records > 0) isDated = false
      line.push({ history, count: at + 1, bytes: segment.bytes, order: line.length, newestMs, isDated })
    }
    // What a later history goes on from goes first, or not at all.
    if (most < history.parts.length) break
  }
  return line
}

function prunableParts(history: PartitionState, isNewest: boolean, floor: BackupState | null): number {
  const { topic, partition, lineage, parts } = history
  const own = floor?.histories(topic, partition).find((entry) => entry.lineage === lineage)
  const below = floor === null ? parts.length : own ? partsBelow(history, own.nextOffset) : 0
  const shared = parts.findIndex(({ segment }) => segment.parts.length > 1)
  return Math.min(below, shared < 0 ? parts.length : shared, parts.length - (isNewest ? 1 : 0))
}

function byTime(lines: readonly (readonly Candidate[])[], { beforeMs }: PruneChoice): Candidate[] {
  if (beforeMs === null) return []
  return lines.flatMap((line) => line.filter(({ newestMs, isDated }) => isDated && newestMs < beforeMs))
}

/** Oldest first over all partitions; within one, the running maximum keeps the order of the log. */
function bySize(
  lines: readonly (readonly Candidate[])[],
  { maxBytes }: PruneChoice,
  heldBytes: number,
): Candidate[] {
  if (maxBytes === null) return []
  const oldestFirst = lines.flat().sort((a, b) => {
    if (a.newestMs !== b.newestMs) return a.newestMs < b.newestMs ? -1 : 1
    return a.order - b.order
  })
  const dropped: Candidate[] = []
  let left = heldBytes
  for (const candidate of oldestFirst) {
    if (left <= maxBytes) break
    dropped.push(candidate)
    left -= candidate.bytes
  }
  return dropped
}

function latest(times: readonly (bigint | null)[]): bigint | null {
  return times.reduce((max, time) => (time !== null && (max === null || time > max) ? time : max), null)
}
