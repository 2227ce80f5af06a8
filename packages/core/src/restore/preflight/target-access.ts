import type { PartitionDescription, TopicDescription, TopicOperation } from '../../kafka/cluster.ts'
import type { TopicRestorePlan } from '../restore-plan.ts'
import { type Refusal, unsuitable } from './refusal.ts'

const ACL_NAMES: Readonly<Record<TopicOperation, string>> = {
  read: 'Read',
  write: 'Write',
  delete: 'Delete',
  describe: 'Describe',
  describe_configs: 'DescribeConfigs',
  alter_configs: 'AlterConfigs',
}

const SHOWN_PARTITIONS_MAX = 3
const WAIT_FOR_BROKERS = 'Wait until all brokers are up and have caught up, then run the same command again.'
const LOWER_MINIMUM = 'Set min.insync.replicas of the topic to no more than the replicas that it has.'

/** What the account lacks; where the brokers do not tell, nothing is refused. */
export function refuseAccess(
  topic: TopicRestorePlan,
  allowed: ReadonlySet<TopicOperation> | undefined,
  needed: readonly TopicOperation[],
): Refusal[] {
  if (!allowed) return []
  return needed
    .filter((operation) => !allowed.has(operation))
    .map((operation) =>
      unsuitable(
        topic,
        `may not be used as needed: the account lacks the ACL ${ACL_NAMES[operation]}`,
        'Grant the account what it lacks: kafka-acls.sh --add --allow-principal … --topic …',
        'KB_CLUSTER_PERMISSION',
      ),
    )
}

/** What brokers ask of the replicas of a partition before they take records from whoever wants all of them to have these. */
export interface SyncRule {
  /** `min.insync.replicas` of the topic. */
  readonly minInSync: number
  /** Leaders that want no more than the partition has. */
  readonly cappingBrokers: ReadonlySet<number>
}

/** Partitions and replicas that the restore needs and the topic does not have. */
export function refuseShape(
  topic: TopicRestorePlan,
  found: TopicDescription | undefined,
  rule: SyncRule,
): Refusal[] {
  const partitions = found?.partitions ?? []
  const refusals: Refusal[] = []
  if (partitions.length < topic.partitionCount) {
    const count = `${partitions.length} partition${partitions.length === 1 ? '' : 's'}`
    refusals.push(
      unsuitable(topic, `has ${count}, the restore of ${topic.sourceTopic} needs ${topic.partitionCount}`),
    )
  }
  const leaderless = partitions.filter(({ leader }) => leader < 0)
  if (leaderless.length > 0) {
    const where = shown(leaderless.map(({ partition }) => `partition ${partition} has no leader`))
    refusals.push(unsuitable(topic, `takes no records at present: ${where}`, WAIT_FOR_BROKERS))
  }
  const short = partitions.filter(
    (entry) => entry.leader >= 0 && entry.inSyncReplicas < neededOf(entry, rule),
  )
  if (short.length > 0) {
    const where = shown(short.map((entry) => shortage(entry, rule)))
    const message = `takes no records at present, because of min.insync.replicas=${rule.minInSync}: ${where}`
    // More than there are never come into sync.
    const isHopeless = short.some((entry) => neededOf(entry, rule) > entry.replicas)
    refusals.push(unsuitable(topic, message, isHopeless ? LOWER_MINIMUM : WAIT_FOR_BROKERS))
  }
  return refusals
}

function neededOf(
  { leader, replicas }: PartitionDescription,
  { minInSync, cappingBrokers }: SyncRule,
): number {
  return cappingBrokers.has(leader) ? Math.min(minInSync, replicas) : minInSync
}

function shortage(entry: PartitionDescription, rule: SyncRule): string {
  const { partition, replicas, inSyncReplicas } = entry
  return `partition ${partition} has ${inSyncReplicas} of ${replicas} replica${replicas === 1 ? '' : 's'} in sync and needs ${neededOf(entry, rule)}`
}

function shown(items: readonly string[]): string {
  const hidden = items.length - SHOWN_PARTITIONS_MAX
  const first = items.slice(0, SHOWN_PARTITIONS_MAX).join('; ')
  return hidden > 0 ? `${first}; and ${hidden} more` : first
}
