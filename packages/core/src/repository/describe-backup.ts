import {
  type BackupState,
  inheritedEndOffset,
  type PartitionState,
  type RunSummary,
} from '../format/backup-state.ts'
import type { DivergenceRecord, GapRecord, IsolationLevel } from '../format/commit.ts'
import type { PrunedHistory } from '../format/pruned-history.ts'

/** One topic of a backup, summed over its partitions and all their histories. Sizes in bytes, timestamps in milliseconds (-1: none). */
export interface TopicDigest {
  readonly topic: string
  readonly topicId: string | null
  readonly partitions: number
  readonly records: number
  readonly segments: number
  readonly storedBytes: number
  readonly rawBytes: number
  /** null: unknown. */
  readonly oldestTimestampMs: bigint | null
  readonly newestTimestampMs: bigint
  readonly gaps: number
}

/** One history of a partition of a backup. Offsets: first wanted, and next (exclusive). */
export interface PartitionDigest {
  readonly topic: string
  readonly partition: number
  /** Number of the history; the first is 1. */
  readonly lineage: number
  readonly isNewest: boolean
  /** What began it; null for the first. */
  readonly divergence: DivergenceRecord | null
  /** The commit that began it. */
  readonly sinceCommit: bigint
  /** Below it, the offsets of the history before are restored with it; null: none. */
  readonly inheritedEndOffset: bigint | null
  readonly beginOffset: bigint
  readonly nextOffset: bigint
  readonly records: number
  readonly segments: number
  readonly storedBytes: number
  readonly rawBytes: number
  readonly gaps: readonly GapRecord[]
  /** What it no longer holds of its begin; null: it holds everything. */
  readonly pruned: PrunedHistory | null
}

/** A backup as its commits tell it. */
export interface BackupDigest {
  readonly backupId: string
  readonly commit: bigint
  readonly clusterId: string | null
  readonly isolation: IsolationLevel | null
  readonly createdAtMs: bigint
  readonly lastCommitAtMs: bigint
  /** Of the document of the last commit. */
  readonly lastCommitSha256: string
  readonly lastRun: RunSummary | null
  /** Snapshot moment of the newest complete run, or what a later continuous one has reached; null when there is none. */
  readonly recoveryPointMs: bigint | null
  /** Newest timestamp of what was pruned: moments before it cannot be restored whole. null: nothing was pruned. */
  readonly prunedUntilMs: bigint | null
  readonly records: number
  readonly storedBytes: number
  readonly rawBytes: number
  readonly gaps: readonly GapRecord[]
  readonly topics: readonly TopicDigest[]
  readonly partitionCount: number
  /** Every history of every partition. */
  readonly partitions: readonly PartitionDigest[]
  readonly runs: readonly RunSummary[]
}

/** Sums a state up for people and programs. Pure. */
export function digestBackup(state: BackupState): BackupDigest {
  const partitions = state.partitions()
  const topics = [...state.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const recovered = state.runs.findLast(hasRecoveryPoint)
  const digests = partitions.map((entry) => {
    return digestPartition(entry, state.partition(entry.topic, entry.partition) === entry)
  })
  const total = (pick: (entry: PartitionDigest) => number) =>
    digests.reduce((sum, entry) => sum + pick(entry), 0)
  return {
    backupId: state.backupId,
    commit: state.tip?.number ?? 0n,
    clusterId: state.source?.clusterId ?? null,
    isolation: state.isolation,
    createdAtMs: state.createdAtMs ?? -1n,
    lastCommitAtMs: state.tip?.createdAtMs ?? -1n,
    lastCommitSha256: state.tip?.sha256 ?? '',
    lastRun: state.runs.at(-1) ?? null,
    recoveryPointMs: recovered?.targetAtMs ?? null,
    prunedUntilMs: partitions.reduce<bigint | null>((max, { pruned }) => later(max, pruned), null),
    records: total((entry) => entry.records),
    storedBytes: total((entry) => entry.storedBytes),
    rawBytes: total((entry) => entry.rawBytes),
    gaps: partitions.flatMap((entry) => entry.gaps),
    topics: topics.map((topic) => ({
      topic: topic.name,
      topicId: topic.topicId,
      partitions: topic.partitions,
      ...sumTopic(partitions.filter((entry) => entry.topic === topic.name)),
    })),
    partitionCount: state.partitionCount,
    partitions: digests,
    runs: state.runs,
  }
}

/** A continuous run has one with each commit once it has caught up, whatever became of it later. */
function hasRecoveryPoint(run: RunSummary): boolean {
  return run.isContinuous === true ? run.targetAtMs > 0n : run.outcome === 'complete'
}

function digestPartition(state: PartitionState, isNewest: boolean): PartitionDigest {
  const sum = (pick: (part: PartitionState['parts'][number]['part']) => number) =>
    state.parts.reduce((total, { part }) => total + pick(part), 0)
  return {
    topic: state.topic,
    partition: state.partition,
    lineage: state.lineage,
    isNewest,
    divergence: state.divergence,
    sinceCommit: state.sinceCommit,
    inheritedEndOffset: inheritedEndOffset(state),
    beginOffset: state.beginOffset,
    nextOffset: state.nextOffset,
    records: sum((part) => part.records),
    segments: state.parts.length,
    storedBytes: sum((part) => part.storedBytes),
    rawBytes: sum((part) => part.rawBytes),
    gaps: state.gaps,
    pruned: state.pruned,
  }
}

function later(max: bigint | null, pruned: PrunedHistory | null): bigint | null {
  if (!pruned) return max
  return max === null || pruned.maxTimestampMs > max ? pruned.maxTimestampMs : max
}

function sumTopic(states: readonly PartitionState[]): Omit<TopicDigest, 'topic' | 'topicId' | 'partitions'> {
  const parts = states.flatMap((state) => state.parts.map(({ part }) => part))
  const sum = (pick: (part: (typeof parts)[number]) => number) =>
    parts.reduce((total, part) => total + pick(part), 0)
  const minima = parts.filter((part) => part.records > 0).map((part) => part.minTimestampMs)
  const isKnown = minima.every((value) => value !== null)
  return {
    records: sum((part) => part.records),
    segments: parts.length,
    storedBytes: sum((part) => part.storedBytes),
    rawBytes: sum((part) => part.rawBytes),
    oldestTimestampMs: isKnown && minima.length > 0 ? minima.reduce((a, b) => (a < b ? a : b)) : null,
    newestTimestampMs: parts.reduce(
      (max, part) => (part.maxTimestampMs > max ? part.maxTimestampMs : max),
      -1n,
    ),
    gaps: states.reduce((total, state) => total + state.gaps.length, 0),
  }
}
