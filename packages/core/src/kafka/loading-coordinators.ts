import type { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { settleAll } from '../runtime/settle-all.ts'
import { type ClusterSurvey, type PartitionDescription, partitionName } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { listOffsets } from './cluster-offsets.ts'
import { type AskedGroup, fetchOffsets, type GroupAnswer } from './group-answers.ts'
import { findCoordinators, sharesOf } from './group-coordinators.ts'
import { type GroupPatience, ownFailure } from './group-patience.ts'

/** Where coordinators keep what groups commit: the leader of a partition coordinates the groups that belong to it. */
export const GROUPS_TOPIC = '__consumer_offsets'
const NAME_PREFIX = 'kafka-backup-looks-'

/** Partitions of the topic of the coordinators; undefined: the account may not see it, or there is none yet. */
export function groupPartitions({ topics }: ClusterSurvey): readonly PartitionDescription[] | undefined {
  return topics.find(({ name }) => name === GROUPS_TOPIC)?.partitions
}

/** True when a coordinator may have changed in between. */
export function haveMoved(before: ClusterSurvey, after: ClusterSurvey): boolean {
  const told = (survey: ClusterSurvey) =>
    groupPartitions(survey)?.map(({ partition, leader, leaderEpoch }) => [partition, leader, leaderEpoch])
  return JSON.stringify(told(before)) !== JSON.stringify(told(after))
}

/**
 * Who does not know yet which groups it has, by `host:port`, or by partition where there is nobody. A broker that has just taken groups over
 * from a dead one lists those that it has read so far, without an error: measured on 3.9.1 and 4.2.1, 10 to 20 of 30 groups were missing in 21
 * of 21 first listings. Of a group it says that it is loading, also of one that nobody has. What the account may not ask is not told.
 */
export async function loadingCoordinators(
  connections: ClusterConnections,
  partitions: readonly PartitionDescription[],
  patience: GroupPatience,
): Promise<Map<string, KafkaBackupError>> {
  const loading = new Map<string, KafkaBackupError>()
  const note = (where: string, failure: KafkaBackupError | null | undefined): void => {
    if (failure?.retryable) loading.set(where, failure)
  }
  note(connections.where, await failureOfEnds(connections, partitions, patience))
  const names = nobodysGroups(partitions.length)
  const nobodys = names.map((group): AskedGroup => ({ group, type: 'unknown' }))
  const found = await findCoordinators(connections, names, patience)
  for (const [partition, { group }] of nobodys.entries()) {
    const own = found.get(group)
    if (own && 'failure' in own) note(partitionName({ topic: GROUPS_TOPIC, partition }), own.failure)
  }
  const asking = [...sharesOf(nobodys, found)].map(async ([broker, { coordinator, groups }]) => {
    const answers = new Map<string, GroupAnswer>()
    await fetchOffsets({ connections, coordinator, patience }, groups, answers)
    for (const { failure } of answers.values()) note(broker, failure)
  })
  await settleAll(asking)
  return loading
}

/**
 * Why the ends of the partitions are not known. A coordinator tells what its followers have too; a leader that is new does not know how much
 * that is until they have asked it, and says so of the end alone (KIP-207): a group that had committed just before was not listed by 4.2.1.
 */
async function failureOfEnds(
  connections: ClusterConnections,
  partitions: readonly PartitionDescription[],
  patience: GroupPatience,
): Promise<KafkaBackupError | null> {
  const questions = partitions.map(({ partition }) => ({ topic: GROUPS_TOPIC, partition }))
  try {
    await patience.within(connections.where, listOffsets(connections, 'high_watermark', questions))
    return null
  } catch (error) {
    return ownFailure(error)
  }
}

/** One name for each partition, of which Kafka's hash is that partition. */
export function nobodysGroups(partitions: number): string[] {
  const names: string[] = []
  let missing = partitions
  for (let number = 0; missing > 0; number++) {
    const name = `${NAME_PREFIX}${number}`
    const partition = partitionOfGroup(name, partitions)
    if (names[partition] !== undefined) continue
    names[partition] = name
    missing--
  }
  return names
}

/** As coordinators reckon it: `String.hashCode` of Java, without its sign, modulo the number of partitions. */
export function partitionOfGroup(group: string, partitions: number): number {
  let hash = 0
  for (let at = 0; at < group.length; at++) hash = (Math.imul(hash, 31) + group.charCodeAt(at)) | 0
  // Java has no positive number for the smallest one, and Kafka takes 0.
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % partitions
}
