import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState, PartitionState, PlacedPart } from '../format/backup-state.ts'
import type { TopicRecord } from '../format/commit.ts'

/** What is to be restored, as the user said it. */
export interface RestoreSelection {
  /** Source topics; all topics of the backup when undefined. */
  readonly topics: readonly string[] | undefined
  /** Source name to target name; a topic that is not in it keeps its name. */
  readonly topicMapping: ReadonlyMap<string, string>
}

/** One partition to restore, in order of offset. */
export interface PartitionRestorePlan {
  readonly sourceTopic: string
  readonly targetTopic: string
  readonly partition: number
  readonly parts: readonly PlacedPart[]
  /** Records to write: aborted ones are not counted. */
  readonly records: number
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
  readonly records: number
  readonly rawBytes: number
  readonly storedBytes: number
  /** Declared gaps of the chosen partitions: the restored copy has them too. */
  readonly gaps: PartitionState['gaps']
}

/**
 * Decides what a restore writes. Pure.
 * @throws KB_TOPIC_NOT_FOUND when a chosen or mapped topic is not in the backup, KB_USAGE when two topics get one name
 */
export function planRestore(state: BackupState, selection: RestoreSelection): RestorePlan {
  const chosen = chooseTopics(state, selection)
  const targetOf = (topic: string) => selection.topicMapping.get(topic) ?? topic
  assertDistinct(chosen.map((topic) => targetOf(topic.name)))
  const partitions = chosen.flatMap((topic) =>
    statesOf(state, topic.name).map((entry) => planPartition(entry, targetOf(topic.name))),
  )
  const sum = (pick: (entry: PartitionRestorePlan) => number) =>
    partitions.reduce((total, entry) => total + pick(entry), 0)
  return {
    backupId: state.backupId,
    commit: state.tip?.number ?? 0n,
    topics: chosen.map((topic) => planTopic(topic, statesOf(state, topic.name), targetOf(topic.name))),
    partitions,
    records: sum((entry) => entry.records),
    rawBytes: sum((entry) => entry.rawBytes),
    storedBytes: sum((entry) => entry.parts.reduce((total, { part }) => total + part.storedBytes, 0)),
    gaps: chosen.flatMap((topic) => statesOf(state, topic.name).flatMap((entry) => entry.gaps)),
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

function statesOf(state: BackupState, topic: string): PartitionState[] {
  return state.partitions().filter((entry) => entry.topic === topic)
}

function planPartition(state: PartitionState, targetTopic: string): PartitionRestorePlan {
  return {
    sourceTopic: state.topic,
    targetTopic,
    partition: state.partition,
    parts: state.parts,
    records: state.parts.reduce((sum, { part }) => sum + part.records, 0),
    rawBytes: state.parts.reduce((sum, { part }) => sum + part.rawBytes, 0),
  }
}

function planTopic(
  topic: TopicRecord,
  states: readonly PartitionState[],
  targetTopic: string,
): TopicRestorePlan {
  const parts = states
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
