import type { PartitionState } from '../format/backup-state.ts'
import { heldBeginOffset } from '../format/pruned-history.ts'
import { type Cluster, partitionName, type TopicDescription } from '../kafka/cluster.ts'
import type { PartitionReaderOptions } from '../kafka/partition-reader.ts'
import { askEpochEnd } from '../repository/ask-epoch-end.ts'
import { confirms, epochHistoryOf, findCommonEnd, lastEpochOf } from '../repository/epoch-history.ts'
import { findReadableLogs, type ReadableLog } from './readable-logs.ts'

/** Why a part of a backup cannot be compared with its source. Offsets: from there on. */
export type SourceRemark =
  | { readonly kind: 'topic_missing' | 'topic_recreated' }
  | { readonly kind: 'log_truncated' | 'open_transaction'; readonly offset: bigint }
  | { readonly kind: 'declared_gap'; readonly records: number }

/** What of a partition the backup and its source can both have: offsets from `beginOffset` below `endOffset`. */
export interface SourceExtent {
  readonly history: PartitionState
  readonly beginOffset: bigint
  readonly endOffset: bigint
  /** Of the source, now. */
  readonly logStart: bigint
  /** True when the source may drop any record for a newer one of its key. */
  readonly isCompacted: boolean
  readonly remarks: readonly SourceRemark[]
}

/** Asks the source what it still has of each history. Extents are in the order of the histories. */
export async function findSourceExtents(
  options: PartitionReaderOptions,
  histories: readonly PartitionState[],
): Promise<SourceExtent[]> {
  const { cluster } = options
  const names = [...new Set(histories.map(({ topic }) => topic))]
  const topics = new Map((await cluster.survey(names)).topics.map((topic) => [topic.name, topic]))
  const same = histories.filter((history) => isSameTopic(topics.get(history.topic), history))
  const logs = await findReadableLogs(
    options,
    same.map(({ topic, partition, nextOffset }) => ({ topic, partition, endOffset: nextOffset })),
  )
  const commonEnds = await findCommonEnds(
    cluster,
    same.filter((history) => logs.has(partitionName(history))),
  )
  const compacted = await compactedTopics(cluster, [...topics.keys()])
  return histories.map((history) => {
    const topic = topics.get(history.topic)
    const log = logs.get(partitionName(history))
    if (topic && !isSameTopic(topic, history)) return absent(history, { kind: 'topic_recreated' })
    if (!log) return absent(history, { kind: 'topic_missing' })
    const commonEnd = commonEnds.get(partitionName(history)) ?? history.nextOffset
    return { ...common(history, log, commonEnd), isCompacted: compacted.has(history.topic) }
  })
}

/** A cluster without topic ids, or a backup from one, cannot tell. */
function isSameTopic(topic: TopicDescription | undefined, { topicId }: PartitionState): boolean {
  return topic === undefined || topic.topicId === null || topicId === null || topic.topicId === topicId
}

function absent(history: PartitionState, remark: SourceRemark): SourceExtent {
  const { beginOffset } = history
  return {
    history,
    beginOffset,
    endOffset: beginOffset,
    logStart: beginOffset,
    isCompacted: false,
    remarks: [remark],
  }
}

function common(
  history: PartitionState,
  log: ReadableLog,
  commonEnd: bigint,
): Omit<SourceExtent, 'isCompacted'> {
  const { nextOffset } = history
  const { logStart } = log
  const sharedEnd = least(nextOffset, commonEnd, log.highWatermark)
  const endOffset = least(sharedEnd, log.lastStable)
  const held = heldBeginOffset(history)
  const beginOffset = held > logStart ? held : logStart
  const remarks: SourceRemark[] = []
  if (sharedEnd < nextOffset) remarks.push({ kind: 'log_truncated', offset: sharedEnd })
  if (endOffset < sharedEnd) remarks.push({ kind: 'open_transaction', offset: endOffset })
  return {
    history,
    beginOffset,
    endOffset: beginOffset > endOffset ? beginOffset : endOffset,
    logStart,
    remarks,
  }
}

/** Of partitions whose leader does not confirm the epochs of the backup: up to where both are one. */
async function findCommonEnds(
  cluster: Cluster,
  histories: readonly PartitionState[],
): Promise<ReadonlyMap<string, bigint>> {
  const asked = histories
    .map((entry) => ({ entry, epochs: epochHistoryOf(entry) }))
    .filter(({ epochs }) => lastEpochOf(epochs) >= 0)
  const ends = new Map<string, bigint>()
  if (asked.length === 0) return ends
  const answers = await cluster.epochEnds(
    asked.map(({ entry: { topic, partition }, epochs }) => {
      return { topic, partition, leaderEpoch: lastEpochOf(epochs) }
    }),
  )
  for (const { entry, epochs } of asked) {
    const answer = answers.get(partitionName(entry))
    if (!answer || confirms(epochs, answer)) continue
    const commonEnd = await findCommonEnd(epochs, askEpochEnd(cluster, entry))
    if (commonEnd !== null && commonEnd < epochs.nextOffset) ends.set(partitionName(entry), commonEnd)
  }
  return ends
}

async function compactedTopics(cluster: Cluster, topics: readonly string[]): Promise<ReadonlySet<string>> {
  if (topics.length === 0) return new Set()
  const configs = await cluster.topicConfigs(topics, ['cleanup.policy'])
  const compacted = [...configs].filter(([, values]) => values.get('cleanup.policy')?.includes('compact'))
  return new Set(compacted.map(([name]) => name))
}

function least(...offsets: readonly bigint[]): bigint {
  return offsets.reduce((min, offset) => (offset < min ? offset : min))
}
