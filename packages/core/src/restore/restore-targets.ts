import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { inheritedEndOffset } from '../format/backup-state.ts'
import type { TopicRecord } from '../format/commit.ts'
import type { ClippedPart } from '../format/held-parts.ts'
import type { PartitionRestorePlan, RestoreSelection, RestoreWork, TopicRestorePlan } from './restore-plan.ts'
import type { RestoreSource } from './restore-sources.ts'
import { isInWindow, type TimeWindow } from './time-window.ts'

/** How the records of a topic are spread: by key over so many partitions. */
export interface Repartition {
  readonly targetPartitions: number
}

/** Where everything goes. */
export interface TargetsPlan {
  readonly partitions: readonly PartitionRestorePlan[]
  readonly works: readonly RestoreWork[]
  readonly topics: readonly TopicRestorePlan[]
}

const ALL_TOPICS = '*'

/** @throws KB_USAGE when two become one without consent, or choices contradict each other */
export function planTargets(
  topics: readonly TopicRecord[],
  sources: readonly RestoreSource[],
  selection: RestoreSelection,
): TargetsPlan {
  const targetOf = (topic: string) => selection.topicMapping.get(topic) ?? topic
  const byTarget = Map.groupBy(topics, (topic) => targetOf(topic.name))
  assertConsistent(byTarget, selection)
  assertMapped(sources, selection)
  const partitions = sources.map((source) => partitionPlan(source, targetOf(source.history.topic), selection))
  const works = [...byTarget.keys()].flatMap((target) => worksOf(target, partitions, selection))
  return {
    partitions,
    works,
    topics: [...byTarget].map(([target, own]) => topicPlan(target, own, partitions, selection)),
  }
}

function assertConsistent(
  byTarget: ReadonlyMap<string, readonly TopicRecord[]>,
  selection: RestoreSelection,
): void {
  for (const [target, own] of byTarget) {
    if (own.length > 1) requireConsent(selection, own.map(({ name }) => name).join(' and '), target)
  }
  const { repartitioning = new Map(), partitionMapping = new Map(), isKeepingOffsets = false } = selection
  if (repartitioning.size > 0 && partitionMapping.size > 0) {
    throw new KafkaBackupError('KB_USAGE', 'partitions are either mapped or spread by key, not both')
  }
  if (repartitioning.size > 0 && isKeepingOffsets) {
    throw new KafkaBackupError('KB_USAGE', 'records that are spread by key cannot keep their offsets')
  }
  for (const target of repartitioning.keys()) {
    if (byTarget.has(target)) continue
    const names = [...byTarget.keys()].join(', ')
    throw new KafkaBackupError('KB_USAGE', `"${target}" is to get other partitions and is not restored`, {
      context: { topic: target },
      hint: `Name a topic as it is called in the target: ${names}`,
    })
  }
}

/** A partition that nobody has is a slip: what was meant would go elsewhere than it should. */
function assertMapped(sources: readonly RestoreSource[], { partitionMapping }: RestoreSelection): void {
  const numbers = new Set(sources.map(({ history }) => history.partition))
  for (const partition of partitionMapping?.keys() ?? []) {
    if (numbers.has(partition)) continue
    const there = [...numbers].sort((a, b) => a - b).join(', ')
    throw new KafkaBackupError(
      'KB_USAGE',
      `partition ${partition} is to get another number and is not restored`,
      { context: { partition }, hint: `Partitions that are restored: ${there}` },
    )
  }
}

function requireConsent(selection: RestoreSelection, what: string, target: string): void {
  if (selection.isKeepingOffsets) {
    throw new KafkaBackupError(
      'KB_USAGE',
      `${what} would both be restored into ${target}, where only one can keep its offsets`,
    )
  }
  if (selection.allowManyToOne) return
  throw new KafkaBackupError('KB_USAGE', `${what} would both be restored into ${target}`, {
    hint: 'Choose other names, or add --allow-many-to-one: they are then written one after the other.',
  })
}

function partitionPlan(
  { history, ...content }: RestoreSource,
  targetTopic: string,
  selection: RestoreSelection,
): PartitionRestorePlan {
  const { topic: sourceTopic, partition, lineage, sinceCommit } = history
  const isSpread = selection.repartitioning?.has(targetTopic) ?? false
  return {
    sourceTopic,
    targetTopic,
    partition,
    targetPartition: isSpread ? null : (selection.partitionMapping?.get(partition) ?? partition),
    lineage,
    sinceCommit,
    inheritedEndOffset: inheritedEndOffset(history),
    ...content,
  }
}

function worksOf(
  topic: string,
  partitions: readonly PartitionRestorePlan[],
  selection: RestoreSelection,
): RestoreWork[] {
  const own = partitions.flatMap((entry, source) =>
    entry.targetTopic === topic ? [{ ...entry, source }] : [],
  )
  const spread = selection.repartitioning?.get(topic)
  if (spread) {
    const targets = Array.from({ length: spread.targetPartitions }, (_, partition) => ({ topic, partition }))
    return [{ sources: own.map(({ source }) => source), targets, routing: 'murmur2' }]
  }
  const byPartition = Map.groupBy(own, (entry) => entry.targetPartition as number)
  return [...byPartition]
    .sort(([a], [b]) => a - b)
    .map(([partition, entries]): RestoreWork => {
      if (entries.length > 1) {
        const names = entries.map((entry) => `${entry.sourceTopic}/${entry.partition}`).join(' and ')
        requireConsent(selection, names, `${topic}/${partition}`)
      }
      return {
        sources: entries.map(({ source }) => source),
        targets: [{ topic, partition }],
        routing: 'direct',
      }
    })
}

function topicPlan(
  targetTopic: string,
  sources: readonly TopicRecord[],
  partitions: readonly PartitionRestorePlan[],
  selection: RestoreSelection,
): TopicRestorePlan {
  const own = partitions.filter((entry) => entry.targetTopic === targetTopic)
  const clips = own.flatMap((entry) => entry.parts).filter(({ part }) => part.records > 0)
  const parts = clips.map(({ part }) => part)
  const maxTimestampMs = parts.reduce(
    (max, part) => (part.maxTimestampMs > max ? part.maxTimestampMs : max),
    -1n,
  )
  const toMs = selection.window?.toMs ?? null
  return {
    sourceTopic: sources[0]?.name ?? targetTopic,
    sourceTopics: sources.map(({ name }) => name),
    targetTopic,
    partitionCount: partitionCountOf(targetTopic, sources, own, selection),
    largestBatchBytes: parts.reduce((max, part) => Math.max(max, part.largestBatchBytes), 0),
    ...oldestOf(clips, selection.window ?? null),
    maxTimestampMs: toMs !== null && maxTimestampMs > toMs ? toMs : maxTimestampMs,
    configOverrides: new Map([
      ...(selection.configOverrides?.get(ALL_TOPICS) ?? []),
      ...(selection.configOverrides?.get(targetTopic) ?? []),
    ]),
  }
}

/** A record of the smallest timestamp is restored for certain only where neither a window nor a range may leave it out. */
function oldestOf(
  clips: readonly ClippedPart[],
  window: TimeWindow | null,
): Pick<TopicRestorePlan, 'minTimestampMs' | 'isMinExact'> {
  const minima = clips.map(({ part }) => part.minTimestampMs)
  const known = minima.reduce<bigint | null>(
    (min, value) => (min === null || value === null ? null : value < min ? value : min),
    minima[0] ?? null,
  )
  const isWhole = ({ part, beginOffset, endOffset }: ClippedPart) =>
    part.minTimestampMs === known && beginOffset === null && endOffset === null
  const isMinExact = known !== null && (window === null || isInWindow(window, known)) && clips.some(isWhole)
  return { minTimestampMs: laterOf(known, window?.fromMs ?? null), isMinExact }
}

/** Nothing is restored from before a window, so that its begin is a bound where there is no other; null: none is known. */
function laterOf(minTimestampMs: bigint | null, fromMs: bigint | null): bigint | null {
  if (minTimestampMs === null || fromMs === null) return minTimestampMs ?? fromMs
  return minTimestampMs > fromMs ? minTimestampMs : fromMs
}

/** Without a mapping that of the source, also when only some of its partitions are restored: keys keep their places. */
function partitionCountOf(
  targetTopic: string,
  sources: readonly TopicRecord[],
  own: readonly PartitionRestorePlan[],
  selection: RestoreSelection,
): number {
  const spread = selection.repartitioning?.get(targetTopic)
  if (spread) return spread.targetPartitions
  if ((selection.partitionMapping?.size ?? 0) > 0 && own.length > 0) {
    return own.reduce((max, entry) => Math.max(max, (entry.targetPartition ?? 0) + 1), 0)
  }
  return sources.reduce((max, topic) => Math.max(max, topic.partitions), 0)
}
