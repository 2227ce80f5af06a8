import type { DivergenceRecord } from '../format/commit.ts'
import { type Cluster, partitionName, type TopicDescription } from '../kafka/cluster.ts'
import { askEpochEnd } from '../repository/ask-epoch-end.ts'
import { findCommonEnd, isUnderNewEpoch } from '../repository/epoch-history.ts'
import { beginOfHistory, type LogExtent } from './backup-plan.ts'
import { describedPartition } from './described-partition.ts'
import type { Symptom } from './fetch-loop.ts'
import type { PartitionWriter } from './partition-writer.ts'

/** What has become of a partition that could not be read on. Offsets: end is exclusive. */
export type SourceChange =
  /** Nothing that lasts: look for the leader and go on. */
  | { readonly kind: 'none' }
  /** No broker admits to the topic, or the account may not read it. */
  | { readonly kind: 'absent'; readonly reason: 'missing' | 'denied' }
  /** Offsets below the log's start were deleted: unread ones, or those of the batch that was to be compared. */
  | { readonly kind: 'deleted'; readonly endOffset: bigint }
  /** The log ends below the target; what was read is all in it. */
  | { readonly kind: 'short'; readonly endOffset: bigint }
  | {
      readonly kind: 'diverged'
      readonly divergence: DivergenceRecord
      readonly topic: TopicDescription
      /** Of the new history, now. */
      readonly extent: LogExtent
    }

const TOPIC_AUTHORIZATION_FAILED = 29

/**
 * Asks the cluster what happened to a partition. Changes nothing.
 * @throws KB_CLUSTER_*, KB_BROKER_TRANSIENT when the cluster cannot say now
 */
export async function examineSource(
  cluster: Cluster,
  writer: PartitionWriter,
  symptom: Symptom,
): Promise<SourceChange> {
  const { plan } = writer
  if (symptom.kind === 'error' && symptom.kafkaCode === TOPIC_AUTHORIZATION_FAILED) {
    return { kind: 'absent', reason: 'denied' }
  }
  const survey = await cluster.survey([plan.topic])
  const absent = survey.absent.get(plan.topic)
  if (absent) return { kind: 'absent', reason: absent }
  const { topic, partition, isOtherTopic } = describedPartition(survey, plan)
  if (!topic || !partition) return { kind: 'absent', reason: 'missing' }
  if (partition.leader < 0) return { kind: 'none' }
  const extent = await extentOf(cluster, writer)
  if (isOtherTopic)
    return diverged(writer, topic, extent, { reason: 'topic_recreated', commonEndOffset: null })
  return compareHistories(cluster, writer, symptom, { topic, extent, leaderEpoch: partition.leaderEpoch })
}

async function extentOf(cluster: Cluster, { plan }: PartitionWriter): Promise<LogExtent> {
  const name = partitionName(plan)
  const ends = await cluster.listOffsets('high_watermark', [plan])
  const starts = await cluster.listOffsets('log_start', [plan])
  return { logStart: starts.get(name) ?? 0n, end: ends.get(name) ?? 0n }
}

interface Found {
  readonly topic: TopicDescription
  readonly extent: LogExtent
  readonly leaderEpoch: number
}

async function compareHistories(
  cluster: Cluster,
  writer: PartitionWriter,
  symptom: Symptom,
  { topic, extent, leaderEpoch }: Found,
): Promise<SourceChange> {
  const { plan, intake } = writer
  const { epochs, nextOffset } = intake
  const commonEnd = await findCommonEnd(epochs, askEpochEnd(cluster, plan))
  const isParted = commonEnd !== null && commonEnd < epochs.nextOffset
  if (isParted || extent.end < nextOffset) {
    const commonEndOffset = isParted && isUnderNewEpoch(epochs, leaderEpoch) ? commonEnd : null
    return diverged(writer, topic, extent, { reason: 'log_truncated', commonEndOffset })
  }
  if (symptom.kind === 'diverged' && symptom.isProven) {
    return diverged(writer, topic, extent, { reason: 'log_replaced', commonEndOffset: null })
  }
  if (extent.logStart > intake.fetchOffset) return { kind: 'deleted', endOffset: extent.logStart }
  if (!writer.isEndless && extent.end < plan.targetOffset) return { kind: 'short', endOffset: extent.end }
  return { kind: 'none' }
}

function diverged(
  writer: PartitionWriter,
  topic: TopicDescription,
  extent: LogExtent,
  found: Pick<DivergenceRecord, 'reason' | 'commonEndOffset'>,
): SourceChange {
  const { plan, intake } = writer
  const divergence: DivergenceRecord = {
    topic: plan.topic,
    partition: plan.partition,
    lineage: plan.lineage + 1,
    topicId: topic.topicId,
    beginOffset: beginOfHistory(found.commonEndOffset, extent.logStart),
    previousEndOffset: intake.nextOffset,
    ...found,
  }
  return { kind: 'diverged', divergence, topic, extent }
}
