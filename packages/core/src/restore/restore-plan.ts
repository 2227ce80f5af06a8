import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import {
  type BackupState,
  inheritedEndOffset,
  type PartitionState,
  type PlacedPart,
} from '../format/backup-state.ts'
import type { GapRecord, TopicRecord } from '../format/commit.ts'

/** What is to be restored, as the user said it. */
export interface RestoreSelection {
  /** Source topics; all topics of the backup when undefined. */
  readonly topics: readonly string[] | undefined
  /** Source name to target name; a topic that is not in it keeps its name. */
  readonly topicMapping: ReadonlyMap<string, string>
}

/** A part of which only what lies below `endOffset` is restored; null: all of it. */
export interface ClippedPart extends PlacedPart {
  readonly endOffset: bigint | null
}

/** One partition to restore, in order of offset. */
export interface PartitionRestorePlan {
  readonly sourceTopic: string
  readonly targetTopic: string
  readonly partition: number
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

/** One topic to restore. */
export interface TopicRestorePlan {
  readonly sourceTopic: string
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
  readonly topics: readonly TopicRestorePlan[]
  readonly partitions: readonly PartitionRestorePlan[]
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
 * @throws KB_TOPIC_NOT_FOUND when a chosen or mapped topic is not in the backup, KB_USAGE when two topics get one name
 */
export function planRestore(state: BackupState, selection: RestoreSelection): RestorePlan {
  const chosen = chooseTopics(state, selection)
  const targetOf = (topic: string) => selection.topicMapping.get(topic) ?? topic
  assertDistinct(chosen.map((topic) => targetOf(topic.name)))
  const plans = chosen.map((topic) => {
    const sources = currentHistories(state, topic).map((newest) => sourceOf(state, newest))
    const partitions = sources.map((source) => planPartition(source, targetOf(topic.name)))
    return { topic: planTopic(topic, targetOf(topic.name), partitions), partitions, sources }
  })
  const partitions = plans.flatMap((plan) => plan.partitions)
  const sum = (pick: (entry: PartitionRestorePlan) => number) =>
    partitions.reduce((total, entry) => total + pick(entry), 0)
  return {
    backupId: state.backupId,
    commit: state.tip?.number ?? 0n,
    topics: plans.map((plan) => plan.topic),
    partitions,
    records: sum((entry) => entry.records),
    isExact: partitions.every((entry) => entry.isExact),
    rawBytes: sum((entry) => entry.rawBytes),
    storedBytes: sum((entry) => entry.parts.reduce((total, { part }) => total + part.storedBytes, 0)),
    gaps: plans.flatMap((plan) => plan.sources.flatMap((source) => source.gaps)),
  }
}

function chooseTopics(state: BackupState, selection: RestoreSelection): TopicRecord[] {
  const all = [...state.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const wanted = selection.topics ?? all.map((topic) => topic.name)
  const missing = [...wanted, ...selection.topicMapping.keys()].find((name) => !state.topics.has(name))
  if (missing !== undefined) {
    throw new KafkaBackupError(
      'KB_TOPIC_NOT_FOUND',
      `topic "${missing}" is not in backup ${state.backupId}`,
      {
        context: { backup: state.backupId, topic: missing },
        hint: `The backup holds: ${all.map((topic) => topic.name).join(', ')}`,
      },
    )
  }
  return all.filter((topic) => wanted.includes(topic.name))
}

function assertDistinct(targets: readonly string[]): void {
  const twice = targets.find((name, at) => targets.indexOf(name) !== at)
  if (twice === undefined) return
  throw new KafkaBackupError('KB_USAGE', `two topics would be restored into "${twice}"`, {
    context: { topic: twice },
  })
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
      return { segment, part, endOffset: isWhole ? null : endOffset }
    })
  const gaps = history.gaps
    .filter((gap) => endOffset === null || gap.firstOffset < endOffset)
    .map((gap) => (endOffset === null ? gap : { ...gap, endOffset: lower(gap.endOffset, endOffset) }))
  return { history, parts: [...inherited.parts, ...parts], gaps: [...inherited.gaps, ...gaps] }
}

function lower(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

function planPartition({ history, parts }: HistorySource, targetTopic: string): PartitionRestorePlan {
  return {
    sourceTopic: history.topic,
    targetTopic,
    partition: history.partition,
    lineage: history.lineage,
    sinceCommit: history.sinceCommit,
    inheritedEndOffset: inheritedEndOffset(history),
    parts,
    records: parts.reduce((sum, { part }) => sum + part.records, 0),
    isExact: parts.every(({ endOffset }) => endOffset === null),
    rawBytes: parts.reduce((sum, { part }) => sum + part.rawBytes, 0),
  }
}

function planTopic(
  topic: TopicRecord,
  targetTopic: string,
  partitions: readonly PartitionRestorePlan[],
): TopicRestorePlan {
  const parts = partitions
    .flatMap((entry) => entry.parts.map(({ part }) => part))
    .filter((part) => part.records > 0)
  const minima = parts.map((part) => part.minTimestampMs)
  return {
    sourceTopic: topic.name,
    targetTopic,
    partitionCount: topic.partitions,
    largestBatchBytes: parts.reduce((max, part) => Math.max(max, part.largestBatchBytes), 0),
    minTimestampMs: minima.reduce<bigint | null>(
      (min, value) => (min === null || value === null ? null : value < min ? value : min),
      minima[0] ?? null,
    ),
    maxTimestampMs: parts.reduce((max, part) => (part.maxTimestampMs > max ? part.maxTimestampMs : max), -1n),
  }
}
