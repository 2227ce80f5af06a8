import type { TopicDescription, TopicOperation } from '../../kafka/cluster.ts'
import type { TopicRestorePlan } from '../restore-plan.ts'
import { type Refusal, unsuitable } from './refusal.ts'

const ACL_NAMES: Readonly<Record<TopicOperation, string>> = {
  read: 'Read',
  write: 'Write',
  delete: 'Delete',
  describe: 'Describe',
  alter_configs: 'AlterConfigs',
}

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

/** Partitions and replicas that the restore needs and the topic does not have. */
export function refuseShape(
  topic: TopicRestorePlan,
  found: TopicDescription | undefined,
  minInSync: number,
): Refusal[] {
  const partitions = found?.partitions ?? []
  const refusals: Refusal[] = []
  if (partitions.length < topic.partitionCount) {
    const count = `${partitions.length} partition${partitions.length === 1 ? '' : 's'}`
    refusals.push(
      unsuitable(topic, `has ${count}, the restore of ${topic.sourceTopic} needs ${topic.partitionCount}`),
    )
  }
  const short = partitions.filter(({ leader, inSyncReplicas }) => leader < 0 || inSyncReplicas < minInSync)
  if (short.length > 0) {
    const numbers = short.map(({ partition }) => partition).join(', ')
    refusals.push(
      unsuitable(
        topic,
        `takes no records at present: partition ${numbers} has no leader or fewer replicas in sync than min.insync.replicas=${minInSync}`,
      ),
    )
  }
  return refusals
}
