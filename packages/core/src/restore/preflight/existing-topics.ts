import type { HeldSetting } from '../../format/restore-ledger.ts'
import type { Cluster, ClusterDescription, TopicOperation } from '../../kafka/cluster.ts'
import type { RestorePlan, TopicRestorePlan } from '../restore-plan.ts'
import { type Refusal, unsuitable } from './refusal.ts'
import { refuseAccess, refuseShape } from './target-access.ts'
import type { TargetOptions } from './target-plan.ts'
import { refuseTimes, retentionTrouble, TARGET_SETTINGS } from './target-settings.ts'

type JudgedBy = Pick<TargetOptions, 'nowMs' | 'isHoldingRetention' | 'existingTopics'>

const BROKERS_OWN = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
  '__remote_log_metadata',
  '__cluster_metadata',
])

/** What the brokers say of the topics that exist. */
export interface TargetFacts {
  readonly description: ClusterDescription
  readonly values: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly overrides: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly operations: ReadonlyMap<string, ReadonlySet<TopicOperation>>
  readonly cappingBrokers: ReadonlySet<number>
}

/** Everything that existing topics are judged by, but for what they hold. */
export async function factsOf(cluster: Cluster, description: ClusterDescription): Promise<TargetFacts> {
  const names = description.topics.map(({ name }) => name)
  const leaders = description.topics.flatMap(({ partitions }) => partitions.map(({ leader }) => leader))
  const operations = await cluster.topicOperations(names)
  // Asked for the settings of one that may not be read, a broker would refuse, and nothing else would be told.
  const readable = names.filter((name) => maySeeSettings(operations.get(name)))
  const [values, overrides, cappingBrokers] = await Promise.all([
    cluster.topicConfigs(readable, TARGET_SETTINGS),
    cluster.topicOverrides(readable, TARGET_SETTINGS),
    cluster.cappingBrokers(leaders),
  ])
  return { description, values, overrides, operations, cappingBrokers }
}

/** Where the brokers do not tell, they are asked. */
function maySeeSettings(allowed: ReadonlySet<TopicOperation> | undefined): boolean {
  return allowed === undefined || allowed.has('describe_configs')
}

/** One topic that exists, but for what it holds. */
export function judgeTopic(
  plan: RestorePlan,
  topic: TopicRestorePlan,
  options: JudgedBy,
  facts: TargetFacts,
): { readonly refusals: Refusal[]; readonly held: readonly HeldSetting[] } {
  const { targetTopic } = topic
  const own = facts.values.get(targetTopic) ?? new Map<string, string>()
  const allowed = facts.operations.get(targetTopic)
  // Of settings that nobody may see, only that is said.
  const retention = maySeeSettings(allowed)
    ? retentionTrouble(plan, topic, own, {
        nowMs: options.nowMs,
        isHolding: options.isHoldingRetention,
        overrides: facts.overrides.get(targetTopic) ?? new Map(),
      })
    : { refusals: [], held: [] }
  const needed: TopicOperation[] = ['read', 'write', 'describe', 'describe_configs']
  if (options.existingTopics === 'purge') needed.push('delete')
  if (retention.held.length > 0) needed.push('alter_configs')
  const found = facts.description.topics.find((entry) => entry.name === targetTopic)
  return {
    refusals: [
      ...refuseShape(topic, found, {
        minInSync: Number(own.get('min.insync.replicas') ?? 1),
        cappingBrokers: facts.cappingBrokers,
      }),
      ...refuseTimes(topic, own, options.nowMs),
      // Also of a restore that is gone on with: what it holds is -1 now, everything else was judged by settings that may have changed.
      ...retention.refusals,
      ...refuseAccess(topic, allowed, needed),
    ],
    held: retention.held,
  }
}

/** A topic that is not there, where none may be created. */
export function refuseMissing(topic: TopicRestorePlan): Refusal {
  return unsuitable(
    topic,
    'does not exist, and restore.create_topics is false',
    'Create the topic, or leave out --create-topics false.',
  )
}

/** A topic that the brokers keep for themselves. */
export function refuseOwn(topic: TopicRestorePlan): Refusal[] {
  if (!BROKERS_OWN.has(topic.targetTopic)) return []
  return [unsuitable(topic, 'is kept by the brokers for themselves', 'Restore it under another name.')]
}

/** What is unusual about a topic, and keeps nobody from restoring into it. */
export function warningsOf(present: readonly TopicRestorePlan[], description: ClusterDescription): string[] {
  return present.flatMap(({ targetTopic, partitionCount }) => {
    const found = description.topics.find((entry) => entry.name === targetTopic)?.partitions.length ?? 0
    if (found <= partitionCount) return []
    return [
      `topic ${targetTopic} has ${found} partitions, the restore fills ${partitionCount}: new records of a key may go to another partition`,
    ]
  })
}
