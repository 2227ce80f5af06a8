import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState, PartitionState } from '../format/backup-state.ts'
import type { DivergenceRecord, IsolationLevel, TopicRecord } from '../format/commit.ts'
import type { LastBatch } from '../format/segment-record.ts'
import { type ClusterDescription, partitionName, type TopicDescription } from '../kafka/cluster.ts'
import { type EpochHistory, epochHistoryOf, isUnderNewEpoch } from '../repository/epoch-history.ts'
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
  /** Number of the history that is read; the first is 1. */
  readonly lineage: number
  /** The source has another history than the backup: what began this one. */
  readonly divergence: DivergenceRecord | null
  /** The last batch that the backup holds, for comparing; null when there is none to compare. */
  readonly anchor: AnchorBatch | null
  /** Leader epochs of what the backup holds of this history. */
  readonly epochs: EpochHistory
  /** How far `beginOffset` is from where the source's log begins. */
  readonly marginOffsets: bigint
  /** Offsets that were deleted since the last run, before they could be read; they end at `beginOffset`. */
  readonly gap: { readonly firstOffset: bigint; readonly endOffset: bigint } | null
}

/** A batch that was read before. `lastOffset` inclusive; `crc` as in the batch. */
export interface AnchorBatch extends LastBatch {
  readonly lastOffset: bigint
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
  readonly isolation: IsolationLevel
  readonly partitions: readonly PartitionPlan[]
  readonly newOffsets: bigint
}

/** What the plan is made from. Offsets by `topic/partition`. */
export interface BackupPlanInput {
  readonly state: BackupState
  readonly description: ClusterDescription
  readonly isolation: IsolationLevel
  readonly isChosen: (topic: string, partition: number) => boolean
  readonly logStarts: ReadonlyMap<string, bigint>
  readonly highWatermarks: ReadonlyMap<string, bigint>
  /** Where the leader's history parts from what the backup holds; partitions that do not part are not in it. */
  readonly commonEnds: ReadonlyMap<string, bigint>
  readonly compactedTopics: ReadonlySet<string>
  readonly targetAtMs: number
}

/**
 * Decides what a run reads. Pure. A topic that was created again or a log that was truncated begins a history of its own.
 * @throws KB_WRONG_CLUSTER, KB_ISOLATION_CHANGED
 */
export function planBackup(input: BackupPlanInput): BackupPlan {
  const { state, description } = input
  assertSameCluster(state, description.clusterId)
  assertSameIsolation(state, input.isolation)
  const partitions = description.topics.flatMap((topic) =>
    topic.partitions
      .filter(({ partition }) => input.isChosen(topic.name, partition))
      .map(({ partition }) => planPartition(input, topic, partition)),
  )
  return {
    backupId: state.backupId,
    clusterId: description.clusterId,
    brokers: description.brokers.size,
    sinceCommit: state.tip?.number ?? null,
    targetAtMs: input.targetAtMs,
    changedTopics: description.topics.filter((topic) => isChanged(state, topic)).map(topicRecord),
    topicCount: description.topics.length,
    isolation: input.isolation,
    partitions,
    newOffsets: partitions.reduce((sum, entry) => sum + entry.targetOffset - entry.beginOffset, 0n),
  }
}

function planPartition(input: BackupPlanInput, topic: TopicDescription, partition: number): PartitionPlan {
  const name = partitionName({ topic: topic.name, partition })
  const logStart = offsetOf(input.logStarts, name)
  const end = offsetOf(input.highWatermarks, name)
  const known = input.state.partition(topic.name, partition)
  const divergence = known ? findDivergence(input, topic, known, { logStart, end }) : null
  const base = {
    topic: topic.name,
    topicId: topic.topicId,
    partition,
    isNew: !known,
    isCompacted: input.compactedTopics.has(topic.name),
    nextSequence: nextSequence(input.state, topic.name, partition),
    divergence,
  }
  if (!known || divergence) return { ...base, ...beginningOf(divergence, { logStart, end }) }
  const wanted = known.nextOffset
  const beginOffset = larger(logStart, wanted)
  return {
    ...base,
    lineage: known.lineage,
    beginOffset,
    targetOffset: larger(end, beginOffset),
    anchor: base.isCompacted ? null : anchorOf(known, logStart),
    epochs: epochHistoryOf(known),
    marginOffsets: beginOffset - logStart,
    gap: logStart > wanted ? { firstOffset: wanted, endOffset: logStart } : null,
  }
}

/** Pure: what makes the source's history another one than the backup's newest. */
function findDivergence(
  input: BackupPlanInput,
  topic: TopicDescription,
  known: PartitionState,
  { logStart, end }: LogExtent,
): DivergenceRecord | null {
  const record = {
    topic: known.topic,
    partition: known.partition,
    lineage: known.lineage + 1,
    topicId: topic.topicId,
    previousEndOffset: known.nextOffset,
  }
  if (isRecreated(known, input.state.topics.get(topic.name), topic)) {
    return { ...record, reason: 'topic_recreated', commonEndOffset: null, beginOffset: logStart }
  }
  const partedAt = input.commonEnds.get(partitionName(known)) ?? null
  if (partedAt === null && end >= known.nextOffset) return null
  const leaderEpoch =
    topic.partitions.find(({ partition }) => partition === known.partition)?.leaderEpoch ?? -1
  const commonEnd = isUnderNewEpoch(epochHistoryOf(known), leaderEpoch) ? partedAt : null
  const beginOffset = beginOfHistory(commonEnd, logStart)
  return { ...record, reason: 'log_truncated', commonEndOffset: commonEnd, beginOffset }
}

/** A new history is read from the log's start; what it had between the common end and there is deleted already. */
export function beginOfHistory(commonEnd: bigint | null, logStart: bigint): bigint {
  return commonEnd !== null && commonEnd < logStart ? commonEnd : logStart
}

/** Where a log begins and ends (exclusive). */
export interface LogExtent {
  readonly logStart: bigint
  readonly end: bigint
}

/** How a history is read of which the backup holds nothing: a partition's first (null), or one that a divergence began. */
export function beginningOf(divergence: DivergenceRecord | null, { logStart, end }: LogExtent) {
  const isDeleted = divergence !== null && divergence.beginOffset < logStart
  return {
    lineage: divergence?.lineage ?? 1,
    beginOffset: logStart,
    targetOffset: larger(end, logStart),
    anchor: null,
    epochs: { starts: [], nextOffset: logStart },
    marginOffsets: 0n,
    gap: isDeleted ? { firstOffset: divergence.beginOffset, endOffset: logStart } : null,
  }
}

/** Brokers without topic ids betray a topic of the same name only when it has fewer partitions. */
function isRecreated(
  known: PartitionState,
  record: TopicRecord | undefined,
  topic: TopicDescription,
): boolean {
  // A history of a time when the brokers had no topic ids got one with the topic's newest record.
  const knownId = known.topicId ?? record?.topicId ?? null
  if (knownId !== null && topic.topicId !== null) return knownId !== topic.topicId
  return record !== undefined && topic.partitions.length < record.partitions
}

/** One backup is of one cluster. @throws KB_WRONG_CLUSTER */
export function assertSameCluster(state: BackupState, clusterId: string): void {
  const known = state.source?.clusterId
  if (known === undefined || known === clusterId) return
  throw new KafkaBackupError(
    'KB_WRONG_CLUSTER',
    `backup ${state.backupId} is of cluster ${known}; this is cluster ${clusterId}. Nothing was written`,
    { context: { backup: state.backupId } },
  )
}

/** A transaction may reach from one run into the next: both must treat it alike. */
function assertSameIsolation(state: BackupState, isolation: IsolationLevel): void {
  if (state.isolation === null || state.isolation === isolation) return
  throw new KafkaBackupError(
    'KB_ISOLATION_CHANGED',
    `backup ${state.backupId} was begun with isolation level ${state.isolation}; this run asks for ${isolation}. Nothing was written`,
    { context: { backup: state.backupId } },
  )
}

function anchorOf(known: PartitionState, logStart: bigint): AnchorBatch | null {
  const part = known.lastPart?.part
  if (!part?.lastBatch || part.nextOffset !== known.nextOffset || part.lastOffset < logStart) return null
  return { ...part.lastBatch, lastOffset: part.lastOffset }
}

function isChanged(state: BackupState, topic: TopicDescription): boolean {
  const known = state.topics.get(topic.name)
  return !known || known.partitions !== topic.partitions.length || known.topicId !== topic.topicId
}

function topicRecord(topic: TopicDescription): TopicRecord {
  return { name: topic.name, topicId: topic.topicId, partitions: topic.partitions.length }
}

function nextSequence(state: BackupState, topic: string, partition: number): number {
  const parts = state.histories(topic, partition).flatMap((history) => history.parts)
  const sequences = parts.map(({ segment }) => {
    const parsed = parseKey(state.backupId, segment.key)
    return parsed?.kind === 'segment' ? parsed.sequence : 0
  })
  return sequences.reduce((max, sequence) => Math.max(max, sequence), 0) + 1
}

function offsetOf(offsets: ReadonlyMap<string, bigint>, name: string): bigint {
  const offset = offsets.get(name)
  if (offset === undefined) {
    throw new KafkaBackupError('KB_BROKER_TRANSIENT', `the cluster gave no offset for ${name}`)
  }
  return offset
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
