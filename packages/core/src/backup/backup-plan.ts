import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState, PartitionState } from '../format/backup-state.ts'
import type { TopicRecord } from '../format/commit.ts'
import { type ClusterDescription, partitionName, type TopicDescription } from '../kafka/cluster.ts'
import { parseKey } from '../repository/key-layout.ts'

/** What will be read of one partition: [beginOffset, targetOffset). */
export interface PartitionPlan {
  readonly topic: string
  readonly topicId: string | null
  readonly partition: number
  readonly beginOffset: bigint
  readonly targetOffset: bigint
  /** The partition joins the backup with this run. */
  readonly isNew: boolean
  readonly isCompacted: boolean
  readonly nextSequence: number
  /** Offsets that were deleted since the last run, before they could be read; they end at `beginOffset`. */
  readonly gap: { readonly firstOffset: bigint; readonly endOffset: bigint } | null
}

/** What a backup run will do; nothing was written yet. */
export interface BackupPlan {
  readonly backupId: string
  readonly clusterId: string
  readonly brokers: number
  readonly sinceCommit: bigint | null
  readonly targetAtMs: number
  /** Topics that are new to the backup or have changed. */
  readonly changedTopics: readonly TopicRecord[]
  readonly topicCount: number
  readonly partitions: readonly PartitionPlan[]
  readonly newOffsets: bigint
}

/** What the plan is made from. Offsets by `topic/partition`. */
export interface BackupPlanInput {
  readonly state: BackupState
  readonly description: ClusterDescription
  readonly logStarts: ReadonlyMap<string, bigint>
  readonly highWatermarks: ReadonlyMap<string, bigint>
  readonly targets: ReadonlyMap<string, bigint>
  readonly compactedTopics: ReadonlySet<string>
  readonly targetAtMs: number
}

/**
 * Decides what a run reads. Pure.
 * @throws KB_WRONG_CLUSTER, KB_TOPIC_RECREATED, KB_SOURCE_TRUNCATED: appending would splice two histories
 */
export function planBackup(input: BackupPlanInput): BackupPlan {
  const { state, description } = input
  assertSameCluster(state, description)
  const partitions = description.topics.flatMap((topic) => {
    assertSameTopic(state, topic)
    return topic.partitions.map(({ partition }) => planPartition(input, topic, partition))
  })
  return {
    backupId: state.backupId,
    clusterId: description.clusterId,
    brokers: description.brokers.size,
    sinceCommit: state.tip?.number ?? null,
    targetAtMs: input.targetAtMs,
    changedTopics: description.topics.filter((topic) => isChanged(state, topic)).map(topicRecord),
    topicCount: description.topics.length,
    partitions,
    newOffsets: partitions.reduce((sum, entry) => sum + entry.targetOffset - entry.beginOffset, 0n),
  }
}

function planPartition(input: BackupPlanInput, topic: TopicDescription, partition: number): PartitionPlan {
  const name = partitionName({ topic: topic.name, partition })
  const logStart = offsetOf(input.logStarts, name)
  const known = input.state.partition(topic.name, partition)
  if (known && known.nextOffset > offsetOf(input.highWatermarks, name)) throw truncated(input, known)
  const wanted = known?.nextOffset ?? logStart
  const beginOffset = logStart > wanted ? logStart : wanted
  const target = offsetOf(input.targets, name)
  return {
    topic: topic.name,
    topicId: topic.topicId,
    partition,
    beginOffset,
    targetOffset: target > beginOffset ? target : beginOffset,
    isNew: !known,
    isCompacted: input.compactedTopics.has(topic.name),
    nextSequence: known ? lastSequence(input.state.backupId, known) + 1 : 1,
    gap: logStart > wanted ? { firstOffset: wanted, endOffset: logStart } : null,
  }
}

function assertSameCluster(state: BackupState, description: ClusterDescription): void {
  const known = state.source?.clusterId
  if (known === undefined || known === description.clusterId) return
  throw new KafkaBackupError(
    'KB_WRONG_CLUSTER',
    `backup ${state.backupId} is of cluster ${known}; this is cluster ${description.clusterId}. Nothing was written`,
    { context: { backup: state.backupId } },
  )
}

function assertSameTopic(state: BackupState, topic: TopicDescription): void {
  const known = state.topics.get(topic.name)
  if (!known) return
  const isOther = known.topicId !== null && topic.topicId !== null && known.topicId !== topic.topicId
  if (isOther || topic.partitions.length < known.partitions) {
    throw new KafkaBackupError(
      'KB_TOPIC_RECREATED',
      `topic ${topic.name} was deleted and created again since backup ${state.backupId} began (topic id ${known.topicId} then, ${topic.topicId} now). Nothing was written`,
      { context: { backup: state.backupId, topic: topic.name } },
    )
  }
}

function truncated(input: BackupPlanInput, known: PartitionState): KafkaBackupError {
  const { topic, partition, nextOffset } = known
  const end = offsetOf(input.highWatermarks, partitionName(known))
  return new KafkaBackupError(
    'KB_SOURCE_TRUNCATED',
    `${topic}/${partition} ends at offset ${end}, but the backup holds records up to ${nextOffset - 1n}: the source lost them. Nothing was written`,
    { context: { backup: input.state.backupId, topic, partition, offset: nextOffset.toString() } },
  )
}

function isChanged(state: BackupState, topic: TopicDescription): boolean {
  const known = state.topics.get(topic.name)
  return !known || known.partitions !== topic.partitions.length || known.topicId !== topic.topicId
}

function topicRecord(topic: TopicDescription): TopicRecord {
  return { name: topic.name, topicId: topic.topicId, partitions: topic.partitions.length }
}

function lastSequence(backupId: string, known: PartitionState): number {
  const sequences = known.parts.map(({ segment }) => {
    const parsed = parseKey(backupId, segment.key)
    return parsed?.kind === 'segment' ? parsed.sequence : 0
  })
  return sequences.reduce((max, sequence) => Math.max(max, sequence), 0)
}

function offsetOf(offsets: ReadonlyMap<string, bigint>, name: string): bigint {
  const offset = offsets.get(name)
  if (offset === undefined) {
    throw new KafkaBackupError('KB_BROKER_TRANSIENT', `the cluster gave no offset for ${name}`)
  }
  return offset
}
