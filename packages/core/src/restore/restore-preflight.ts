import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type Cluster, type ClusterDescription, type NewTopic, partitionName } from '../kafka/cluster.ts'
import { retry } from '../runtime/retry.ts'
import type { RestorePlan, TopicRestorePlan } from './restore-plan.ts'

/** What is created, and where each target partition begins. */
export interface TargetPlan {
  readonly clusterId: string
  readonly brokers: number
  readonly newTopics: readonly NewTopic[]
  /** First offset that a restored record gets, by `topic/partition`; 0 for topics that are created. */
  readonly beginOffsets: ReadonlyMap<string, bigint>
}

/** Choices that bear on the target. */
export interface TargetOptions {
  readonly isCreatingTopics: boolean
  /** -1: the cluster's default. */
  readonly replicationFactor: number
  readonly nowMs: number
  readonly signal?: AbortSignal
}

// The leaders of a topic that was just created may not have heard of it yet.
const PREFLIGHT_RETRY = { firstDelayMs: 200, maxDelayMs: 1_000, giveUpAfterMs: 10_000 }
const BROKER_MAX_MESSAGE_BYTES = 1_048_588
const FUTURE_MAX_MS = 3_600_000n
const SETTINGS = [
  'message.timestamp.type',
  'max.message.bytes',
  'retention.ms',
  'message.timestamp.after.max.ms',
] as const

/**
 * Every refusal, before the first write; all of them in one error.
 * @throws KB_TARGET_NOT_EMPTY, KB_TARGET_UNSUITABLE, KB_CLUSTER_*
 */
export async function preflightRestore(
  cluster: Cluster,
  plan: RestorePlan,
  options: TargetOptions,
): Promise<TargetPlan> {
  // Outside of the retry: that no broker answers is said at once.
  const existing = new Set(await cluster.topicNames())
  return retry(() => preflightOnce(cluster, plan, options, existing), {
    policy: PREFLIGHT_RETRY,
    ...(options.signal ? { signal: options.signal } : {}),
  })
}

async function preflightOnce(
  cluster: Cluster,
  plan: RestorePlan,
  options: TargetOptions,
  existing: ReadonlySet<string>,
): Promise<TargetPlan> {
  const present = plan.topics.filter((topic) => existing.has(topic.targetTopic))
  const absent = plan.topics.filter((topic) => !existing.has(topic.targetTopic))
  const description = await cluster.describe(present.map((topic) => topic.targetTopic))
  const refusals: Refusal[] = []
  if (!options.isCreatingTopics) refusals.push(...absent.map(refuseAbsent))
  refusals.push(...refusePartitions(description, present))
  refusals.push(...(await refuseSettings(cluster, present, options)))
  const { beginOffsets, occupied } = await inspectContent(cluster, description, present)
  refusals.unshift(...occupied)
  throwRefusals(refusals, description.clusterId)
  return {
    clusterId: description.clusterId,
    brokers: description.brokers.size,
    newTopics: absent.map((topic) => newTopic(topic, options)),
    beginOffsets,
  }
}

interface Refusal {
  readonly code: 'KB_TARGET_NOT_EMPTY' | 'KB_TARGET_UNSUITABLE'
  readonly sourceTopic: string
  readonly topic: string
  readonly message: string
}

/**
 * Created topics keep what they are given: without `retention.ms=-1` the broker's default would delete restored records
 * that are older than a week, as it does with every old record.
 */
function newTopic(topic: TopicRestorePlan, options: TargetOptions): NewTopic {
  const configs = new Map([
    ['message.timestamp.type', 'CreateTime'],
    ['retention.ms', '-1'],
    ['retention.bytes', '-1'],
  ])
  if (topic.largestBatchBytes > BROKER_MAX_MESSAGE_BYTES) {
    configs.set('max.message.bytes', String(roomFor(topic.largestBatchBytes)))
  }
  // Kafka 4 refuses records from more than an hour ahead (KIP-937).
  if (topic.maxTimestampMs > BigInt(options.nowMs) + FUTURE_MAX_MS) {
    configs.set('message.timestamp.after.max.ms', '9223372036854775807')
  }
  return {
    name: topic.targetTopic,
    partitions: topic.partitionCount,
    replicationFactor: options.replicationFactor,
    configs,
  }
}

/** A batch that is encoded again may come out a little larger than it was. */
function roomFor(batchBytes: number): number {
  return Math.min(Math.ceil(batchBytes * 1.1), 2_147_483_647)
}

function refuseAbsent(topic: TopicRestorePlan): Refusal {
  return unsuitable(topic, 'does not exist, and restore.create_topics is false')
}

function refusePartitions(description: ClusterDescription, present: readonly TopicRestorePlan[]): Refusal[] {
  return present.flatMap((topic) => {
    const target = description.topics.find((entry) => entry.name === topic.targetTopic)
    const count = target?.partitions.length ?? 0
    if (count === topic.partitionCount) return []
    return [
      unsuitable(
        topic,
        `has ${count} partition${count === 1 ? '' : 's'}, the backup of ${topic.sourceTopic} has ${topic.partitionCount}`,
      ),
    ]
  })
}

async function refuseSettings(
  cluster: Cluster,
  present: readonly TopicRestorePlan[],
  options: TargetOptions,
): Promise<Refusal[]> {
  const names = present.map((topic) => topic.targetTopic)
  const configs = await cluster.topicConfigs(names, SETTINGS)
  return present.flatMap((topic) => {
    const values = configs.get(topic.targetTopic) ?? new Map<string, string>()
    return refuseTimes(topic, values, options).concat(refuseSizes(topic, values))
  })
}

function refuseTimes(
  topic: TopicRestorePlan,
  values: ReadonlyMap<string, string>,
  options: TargetOptions,
): Refusal[] {
  const refusals: Refusal[] = []
  if (values.get('message.timestamp.type') === 'LogAppendTime') {
    refusals.push(
      unsuitable(topic, 'has message.timestamp.type=LogAppendTime and would overwrite every timestamp'),
    )
  }
  const retentionMs = BigInt(values.get('retention.ms') ?? '-1')
  const oldest = topic.minTimestampMs ?? topic.maxTimestampMs
  if (retentionMs >= 0n && oldest >= 0n && oldest < BigInt(options.nowMs) - retentionMs) {
    refusals.push(
      unsuitable(
        topic,
        `has retention.ms=${retentionMs} and would delete restored records as soon as they are there`,
      ),
    )
  }
  const aheadMs = BigInt(values.get('message.timestamp.after.max.ms') ?? '9223372036854775807')
  if (topic.maxTimestampMs > BigInt(options.nowMs) + aheadMs) {
    refusals.push(
      unsuitable(
        topic,
        `has message.timestamp.after.max.ms=${aheadMs} and would refuse records from the future`,
      ),
    )
  }
  return refusals
}

function refuseSizes(topic: TopicRestorePlan, values: ReadonlyMap<string, string>): Refusal[] {
  const limit = Number(values.get('max.message.bytes') ?? BROKER_MAX_MESSAGE_BYTES)
  if (topic.largestBatchBytes <= limit) return []
  return [
    unsuitable(
      topic,
      `has max.message.bytes=${limit}, the largest stored batch has ${topic.largestBatchBytes} bytes`,
    ),
  ]
}

async function inspectContent(
  cluster: Cluster,
  description: ClusterDescription,
  present: readonly TopicRestorePlan[],
): Promise<{ readonly beginOffsets: Map<string, bigint>; readonly occupied: Refusal[] }> {
  const partitions = description.topics.flatMap((topic) =>
    topic.partitions.map(({ partition }) => ({ topic: topic.name, partition })),
  )
  const starts = await cluster.listOffsets('log_start', partitions)
  const ends = await cluster.listOffsets('high_watermark', partitions)
  const occupied = present.flatMap((topic): Refusal[] => {
    const held = partitions
      .filter((entry) => entry.topic === topic.targetTopic)
      .reduce(
        (sum, entry) =>
          sum + (ends.get(partitionName(entry)) ?? 0n) - (starts.get(partitionName(entry)) ?? 0n),
        0n,
      )
    if (held === 0n) return []
    const { sourceTopic, targetTopic } = topic
    const message = `is not empty: it holds ${held.toLocaleString('en-US')} offset${held === 1n ? '' : 's'}`
    return [{ code: 'KB_TARGET_NOT_EMPTY', sourceTopic, topic: targetTopic, message }]
  })
  return { beginOffsets: ends, occupied }
}

function unsuitable(topic: TopicRestorePlan, message: string): Refusal {
  const { sourceTopic, targetTopic } = topic
  return { code: 'KB_TARGET_UNSUITABLE', sourceTopic, topic: targetTopic, message }
}

function throwRefusals(refusals: readonly Refusal[], clusterId: string): void {
  const [first] = refusals
  if (!first) return
  const lines = refusals.map((refusal) => `- topic ${refusal.topic} ${refusal.message}`)
  const sources = [...new Set(refusals.map(({ sourceTopic }) => sourceTopic))]
  const beside = sources.map((topic) => `${topic}=${topic}-restored`).join(',')
  throw new KafkaBackupError(
    first.code,
    `cluster ${clusterId} cannot take this restore; nothing was written:\n${lines.join('\n')}`,
    {
      context: { topic: first.topic },
      hint: `Change or delete what is in the way, or restore beside it: --topic-mapping ${beside}`,
    },
  )
}
