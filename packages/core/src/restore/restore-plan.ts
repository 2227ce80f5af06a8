import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import {
  type BackupState,
  inheritedEndOffset,
  type PartitionState,
  type PlacedPart,
} from '../format/backup-state.ts'
import type { GapRecord, TopicRecord } from '../format/commit.ts'
import type { TargetPlace } from '../format/restore-ledger.ts'
import { planDigest } from './plan-digest.ts'
import { planTopics, planWorks } from './plan-works.ts'
import type { HeaderPlan, ResolvedRequest, RestoreRequest } from './restore-request.ts'
import { isInsideWindow, mayHoldTime } from './time-window.ts'

/** A part of which only [beginOffset, endOffset) is restored; null: there is no such bound. */
export interface ClippedPart extends PlacedPart {
  readonly beginOffset: bigint | null
  readonly endOffset: bigint | null
}

/** Effective timestamps in milliseconds, both inclusive; null: no bound. */
export interface TimeWindow {
  readonly fromMs: bigint | null
  readonly toMs: bigint | null
}

/**
 * What is written by one reader. `direct`: the records of all sources, one source after the other, go into the one target.
 * `murmur2`: the key of each record decides which target it goes into.
 */
export interface RestoreWork {
  /** Places in {@link RestorePlan.partitions}, in the order in which they are read. */
  readonly sources: readonly number[]
  readonly targets: readonly TargetPlace[]
  readonly routing: 'direct' | 'murmur2'
}

/** One partition of the source, in order of offset. */
export interface PartitionRestorePlan {
  readonly sourceTopic: string
  readonly targetTopic: string
  readonly partition: number
  /** Where its records go; null: the key decides. */
  readonly targetPartition: number | null
  /** Number of the history that is restored, the newest; the first is 1. */
  readonly lineage: number
  /** The commit that began it: the state before holds the history before. */
  readonly sinceCommit: bigint
  /** Below it, what is written comes from the history before; null: nothing does. */
  readonly inheritedEndOffset: bigint | null
  readonly parts: readonly ClippedPart[]
  /** Records to write: aborted ones are not counted. An upper bound unless `isExact`. */
  readonly records: number
  /** False when a part is restored up to an offset inside it: how many records lie below is not in the commits. */
  readonly isExact: boolean
  readonly rawBytes: number
}

/** One topic of the target. */
export interface TopicRestorePlan {
  /** The first of `sourceTopics`. */
  readonly sourceTopic: string
  readonly sourceTopics: readonly string[]
  readonly targetTopic: string
  readonly partitionCount: number
  readonly largestBatchBytes: number
  /** null: unknown. Effective timestamps in milliseconds; -1 when there is no record. */
  readonly minTimestampMs: bigint | null
  readonly maxTimestampMs: bigint
}

/** What a restore will do; nothing was written yet. */
export interface RestorePlan {
  readonly backupId: string
  readonly commit: bigint
  /** Empty for a backup without a commit. */
  readonly commitSha256: string
  /** Over everything that decides which batches are written; see docs/restore.md. */
  readonly planSha256: string
  readonly topics: readonly TopicRestorePlan[]
  readonly partitions: readonly PartitionRestorePlan[]
  readonly works: readonly RestoreWork[]
  readonly window: TimeWindow | null
  readonly headers: HeaderPlan
  readonly isKeepingOffsets: boolean
  /** An upper bound unless `isExact`; so are the sizes. */
  readonly records: number
  readonly isExact: boolean
  readonly rawBytes: number
  readonly storedBytes: number
  /** Declared gaps of the chosen partitions: the restored copy has them too. */
  readonly gaps: readonly GapRecord[]
}

/**
 * Decides what a restore writes. Pure.
 * @throws KB_TOPIC_NOT_FOUND when a chosen or mapped topic is not in the backup; KB_USAGE when topics or partitions would meet in
 * one without consent, or a choice contradicts another
 */
export function planRestore(
  state: BackupState,
  request: RestoreRequest,
  { fromMs, toMs }: ResolvedRequest,
): RestorePlan {
  const window = fromMs === null && toMs === null ? null : { fromMs, toMs }
  const chosen = chooseTopics(state, request)
  assertKnown(state, request, chosen)
  const sources = chosen.flatMap((topic) =>
    currentHistories(state, topic)
      .filter(({ partition }) => request.sourcePartitions?.includes(partition) ?? true)
      .map((newest) => clipSource(sourceOf(state, newest), request, window)),
  )
  const partitions = sources.map((source) => planPartition(source, request, window))
  const works = planWorks(partitions, request)
  const sum = (pick: (entry: PartitionRestorePlan) => number) =>
    partitions.reduce((total, entry) => total + pick(entry), 0)
  const plan = {
    backupId: state.backupId,
    commit: state.tip?.number ?? 0n,
    commitSha256: state.tip?.sha256 ?? '',
    topics: planTopics(chosen, partitions, request),
    partitions,
    works,
    window,
    headers: request.headers,
    isKeepingOffsets: request.isKeepingOffsets,
    records: sum((entry) => entry.records),
    isExact: partitions.every((entry) => entry.isExact),
    rawBytes: sum((entry) => entry.rawBytes),
    storedBytes: sum((entry) => entry.parts.reduce((total, { part }) => total + part.storedBytes, 0)),
    gaps: sources.flatMap((source) => source.gaps),
  }
  return { ...plan, planSha256: planDigest(plan) }
}

function chooseTopics(state: BackupState, request: RestoreRequest): TopicRecord[] {
  const all = [...state.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const wanted = new Set(request.chooseTopics(all.map((topic) => topic.name)))
  return all.filter((topic) => wanted.has(topic.name))
}

/** What was named must be there: a name that is spelt wrong must not become a choice of nothing. */
function assertKnown(state: BackupState, request: RestoreRequest, chosen: readonly TopicRecord[]): void {
  const named = [...request.renaming.exact, ...request.offsets.map(({ topic }) => topic)]
  const missing = named.find((name) => !state.topics.has(name))
  if (missing !== undefined) {
    throw new KafkaBackupError(
      'KB_TOPIC_NOT_FOUND',
      `topic "${missing}" is not in backup ${state.backupId}`,
      {
        context: { backup: state.backupId, topic: missing },
        hint: `The backup holds: ${[...state.topics.keys()].sort().join(', ')}`,
      },
    )
  }
  const targets = new Set(chosen.map(({ name }) => request.renaming.targetOf(name)))
  for (const name of request.repartitioning.keys()) {
    if (targets.has(name)) continue
    throw new KafkaBackupError(
      'KB_USAGE',
      `"${name}" is given another number of partitions, and nothing is restored into it`,
    )
  }
  if (request.repartitioning.size > 0 && request.partitionMapping.size > 0) {
    throw new KafkaBackupError('KB_USAGE', 'partitions are either mapped or decided by keys, not both')
  }
}

/** The newest history of each partition that the topic has: what is above its count belongs to an earlier topic. */
function currentHistories(state: BackupState, topic: TopicRecord): PartitionState[] {
  return state
    .partitions()
    .filter((entry) => entry.topic === topic.name && entry.partition < topic.partitions)
    .filter((entry) => state.partition(entry.topic, entry.partition) === entry)
}

/** What a restore of one history reads. */
interface HistorySource {
  readonly history: PartitionState
  readonly parts: readonly ClippedPart[]
  readonly gaps: readonly GapRecord[]
}

function sourceOf(state: BackupState, newest: PartitionState): HistorySource {
  return below(state.histories(newest.topic, newest.partition), newest, null)
}

/** A history up to `endOffset` (null: to its end), with what it inherits from those before it. */
function below(
  histories: readonly PartitionState[],
  history: PartitionState,
  endOffset: bigint | null,
): HistorySource {
  const previous = histories.find((entry) => entry.lineage === history.lineage - 1)
  const inheritedEnd = inheritedEndOffset(history)
  const inherited =
    previous && inheritedEnd !== null
      ? below(histories, previous, endOffset === null ? inheritedEnd : lower(inheritedEnd, endOffset))
      : { parts: [], gaps: [] }
  const parts = history.parts
    .filter(({ part }) => endOffset === null || part.firstOffset < endOffset)
    .map(({ segment, part }): ClippedPart => {
      const isWhole = endOffset === null || part.nextOffset <= endOffset
      return { segment, part, beginOffset: null, endOffset: isWhole ? null : endOffset }
    })
  const gaps = history.gaps
    .filter((gap) => endOffset === null || gap.firstOffset < endOffset)
    .map((gap) => (endOffset === null ? gap : { ...gap, endOffset: lower(gap.endOffset, endOffset) }))
  return { history, parts: [...inherited.parts, ...parts], gaps: [...inherited.gaps, ...gaps] }
}

function lower(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

/** Leaves out what offsets and times exclude for sure; what they cut is looked at when it is read. */
function clipSource(
  source: HistorySource,
  request: RestoreRequest,
  window: TimeWindow | null,
): HistorySource {
  const { topic, partition } = source.history
  const ranges = request.offsets.filter((range) => range.topic === topic)
  const range = ranges.find((entry) => entry.partition === partition)
  if (ranges.length > 0 && !range) return { ...source, parts: [], gaps: [] }
  const first = range?.firstOffset ?? null
  const end = range?.lastOffset === undefined || range.lastOffset === null ? null : range.lastOffset + 1n
  const parts = source.parts
    .filter(
      ({ part }) => (first === null || part.nextOffset > first) && (end === null || part.firstOffset < end),
    )
    .map((entry): ClippedPart => {
      const { part } = entry
      const beginOffset = first !== null && part.firstOffset < first ? first : null
      const own = end !== null && part.nextOffset > end ? end : null
      const endOffset =
        own === null || entry.endOffset === null ? (own ?? entry.endOffset) : lower(own, entry.endOffset)
      return { ...entry, beginOffset, endOffset }
    })
    .filter(({ part }) => window === null || mayHoldTime(part, window))
  const gaps = source.gaps.filter(
    (gap) => (first === null || gap.endOffset > first) && (end === null || gap.firstOffset < end),
  )
  return { ...source, parts, gaps }
}

function planPartition(
  { history, parts }: HistorySource,
  request: RestoreRequest,
  window: TimeWindow | null,
): PartitionRestorePlan {
  const targetTopic = request.renaming.targetOf(history.topic)
  const isByKey = request.repartitioning.has(targetTopic)
  return {
    sourceTopic: history.topic,
    targetTopic,
    partition: history.partition,
    targetPartition: isByKey ? null : (request.partitionMapping.get(history.partition) ?? history.partition),
    lineage: history.lineage,
    sinceCommit: history.sinceCommit,
    inheritedEndOffset: inheritedEndOffset(history),
    parts,
    records: parts.reduce((sum, { part }) => sum + part.records, 0),
    isExact: parts.every((entry) => isWholePart(entry, window)),
    rawBytes: parts.reduce((sum, { part }) => sum + part.rawBytes, 0),
  }
}

/** True when every record of the part is restored for sure. */
export function isWholePart(
  { part, beginOffset, endOffset }: ClippedPart,
  window: TimeWindow | null,
): boolean {
  return beginOffset === null && endOffset === null && (window === null || isInsideWindow(part, window))
}
