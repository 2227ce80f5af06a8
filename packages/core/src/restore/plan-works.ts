import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { TopicRecord } from '../format/commit.ts'
import type { PartitionRestorePlan, RestoreWork, TopicRestorePlan } from './restore-plan.ts'
import type { RestoreRequest } from './restore-request.ts'

/** Which sources go where, the largest first: the last one to end decides how long a restore takes. @throws KB_USAGE */
export function planWorks(
  partitions: readonly PartitionRestorePlan[],
  request: RestoreRequest,
): RestoreWork[] {
  assertConsent(partitions, request)
  const groups = Map.groupBy(partitions.keys(), (at) => {
    const { targetTopic, targetPartition } = partitions[at] as PartitionRestorePlan
    return `${targetTopic}/${targetPartition ?? '*'}`
  })
  const works = [...groups.values()].map((sources): RestoreWork => {
    const ordered = sources.toSorted((a, b) => inOrder(partitions[a], partitions[b]))
    const { targetTopic: topic, targetPartition } = partitions[ordered[0] as number] as PartitionRestorePlan
    if (targetPartition !== null) {
      return { sources: ordered, targets: [{ topic, partition: targetPartition }], routing: 'direct' }
    }
    const count = request.repartitioning.get(topic) ?? 0
    const targets = Array.from({ length: count }, (_, partition) => ({ topic, partition }))
    return { sources: ordered, targets, routing: 'murmur2' }
  })
  const bytesOf = ({ sources }: RestoreWork) =>
    sources.reduce((sum, at) => sum + (partitions[at]?.rawBytes ?? 0), 0)
  return works.sort((a, b) => bytesOf(b) - bytesOf(a))
}

/** Several sources of one target are read one after the other, by name and number, so that every run writes the same. */
function inOrder(a: PartitionRestorePlan | undefined, b: PartitionRestorePlan | undefined): number {
  if (!a || !b) return 0
  return a.sourceTopic === b.sourceTopic ? a.partition - b.partition : a.sourceTopic < b.sourceTopic ? -1 : 1
}

/** Records of several topics or partitions in one can never be told apart again; nobody gets that by a slip. */
function assertConsent(partitions: readonly PartitionRestorePlan[], request: RestoreRequest): void {
  if (request.isManyToOne) return
  const taken = new Map<string, PartitionRestorePlan>()
  for (const entry of partitions) {
    const { targetTopic, targetPartition, sourceTopic, partition } = entry
    // Keys spread the partitions of one topic on purpose; several topics in one are asked about all the same.
    const place = targetPartition === null ? targetTopic : `${targetTopic}/${targetPartition}`
    const other = taken.get(place) ?? taken.get(targetTopic)
    const isOtherTopic = other !== undefined && other.sourceTopic !== sourceTopic
    if (isOtherTopic || (other !== undefined && targetPartition !== null && taken.has(place))) {
      throw new KafkaBackupError(
        'KB_USAGE',
        `${other.sourceTopic}/${other.partition} and ${sourceTopic}/${partition} would both be restored into ${place}`,
        { hint: 'If that is what you want, say so: --allow-many-to-one', context: { topic: targetTopic } },
      )
    }
    taken.set(place, entry)
    taken.set(targetTopic, entry)
  }
}

/** The topics of the target. */
export function planTopics(
  chosen: readonly TopicRecord[],
  partitions: readonly PartitionRestorePlan[],
  request: RestoreRequest,
): TopicRestorePlan[] {
  const byTarget = Map.groupBy(chosen, (topic) => request.renaming.targetOf(topic.name))
  return [...byTarget].map(([targetTopic, topics]) => {
    const parts = partitions
      .filter((entry) => entry.targetTopic === targetTopic)
      .flatMap((entry) => entry.parts.map(({ part }) => part))
      .filter((part) => part.records > 0)
    const minima = parts.map((part) => part.minTimestampMs)
    return {
      sourceTopic: topics[0]?.name ?? targetTopic,
      sourceTopics: topics.map((topic) => topic.name),
      targetTopic,
      partitionCount: request.repartitioning.get(targetTopic) ?? partitionCountOf(topics, request),
      largestBatchBytes: parts.reduce((max, part) => Math.max(max, part.largestBatchBytes), 0),
      minTimestampMs: minima.reduce<bigint | null>(
        (min, value) => (min === null || value === null ? null : value < min ? value : min),
        minima[0] ?? null,
      ),
      maxTimestampMs: parts.reduce(
        (max, part) => (part.maxTimestampMs > max ? part.maxTimestampMs : max),
        -1n,
      ),
    }
  })
}

/** As many as the source has, or as many as the mapping needs. */
function partitionCountOf(topics: readonly TopicRecord[], { partitionMapping }: RestoreRequest): number {
  const largest = topics.reduce((most, topic) => Math.max(most, topic.partitions), 0)
  if (partitionMapping.size === 0) return largest
  const targets = Array.from(
    { length: largest },
    (_, partition) => partitionMapping.get(partition) ?? partition,
  )
  return targets.reduce((most, partition) => Math.max(most, partition + 1), 0)
}
