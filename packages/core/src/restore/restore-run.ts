import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import { negotiateVersion } from '../kafka/api-versions.ts'
import { openBrokerLink } from '../kafka/broker-connections.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import { INIT_PRODUCER_ID, initProducerId, type ProducerIdentity } from '../kafka/producer-id-api.ts'
import type { ClusterSecurity } from '../kafka/security.ts'
import type { TransformsById } from '../repository/segment-reader.ts'
import type { Clock } from '../runtime/clock.ts'
import { retry } from '../runtime/retry.ts'
import { settleAll } from '../runtime/settle-all.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { readSourceBatches } from './batch-source.ts'
import { LeaderQueues } from './leader-queues.ts'
import { withTargetState } from './partial-target.ts'
import { type LaneResult, PartitionLane } from './partition-lane.ts'
import type { PartitionRestorePlan, RestorePlan } from './restore-plan.ts'
import type { TargetPlan } from './restore-preflight.ts'

/** Everything a restore works with. */
export interface RestoreRunOptions {
  readonly plan: RestorePlan
  readonly target: TargetPlan
  readonly storage: StorageBackend
  readonly transforms: TransformsById
  readonly cluster: Cluster
  readonly clientId: string
  /** Absent: plain connections without an account. */
  readonly security?: ClusterSecurity
  readonly produceTimeoutMs: number
  readonly connectionsPerBroker: number
  readonly clock: Clock
  readonly observe: Observer
  readonly signal: AbortSignal
}

/** What one partition of the target got. Offsets of source and target: first, and next (exclusive). */
export interface RestoredPartition extends LaneResult {
  readonly sourceTopic: string
  readonly firstSourceOffset: bigint
  readonly nextSourceOffset: bigint
  /** Number of the history that was restored, and the commit that began it. */
  readonly lineage: number
  readonly sinceCommit: bigint
  /** Below it, what was written comes from the history before; null: nothing does. */
  readonly inheritedEndOffset: bigint | null
}

/** What a restore did. */
export interface RestoreReport {
  readonly backupId: string
  readonly commit: bigint
  readonly clusterId: string
  readonly outcome: 'complete' | 'incomplete'
  readonly records: number
  readonly rawBytes: number
  readonly storedBytes: number
  readonly durationMs: number
  readonly createdTopics: readonly string[]
  readonly gaps: RestorePlan['gaps']
  readonly partitions: readonly RestoredPartition[]
}

// Each partition under way holds up to three frames and five batches; four keep a broker busy.
const CONCURRENT_PARTITIONS_MAX = 4
// InitProducerId answers with transient errors for the first moments of a cluster, everything else while leaders change.
const TRANSIENT_RETRY = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 30_000 }

/**
 * Executes a plan whose preflight passed: creates the topics, writes every record once, and checks at the end that each target
 * partition holds as many as were written.
 * @throws KB_TARGET_CHANGED, KB_CLUSTER_*, KB_SEGMENT_CORRUPT …; the target then may hold a part of the records, and the
 * error says how many
 */
export async function runRestore(options: RestoreRunOptions): Promise<RestoreReport> {
  const { plan, target, cluster, clock, signal } = options
  const beganMs = clock.monotonicMs()
  if (target.newTopics.length > 0) await cluster.createTopics(target.newTopics, signal)
  const topics = plan.topics.map((topic) => topic.targetTopic)
  const identity = await acquireIdentity(options, topics)
  try {
    const results = await writeAll(options, topics, identity)
    return {
      backupId: plan.backupId,
      commit: plan.commit,
      clusterId: target.clusterId,
      outcome: plan.gaps.length > 0 ? 'incomplete' : 'complete',
      records: results.reduce((sum, result) => sum + result.records, 0),
      rawBytes: plan.rawBytes,
      storedBytes: plan.storedBytes,
      durationMs: clock.monotonicMs() - beganMs,
      createdTopics: target.newTopics.map((topic) => topic.name),
      gaps: plan.gaps,
      partitions: results,
    }
  } catch (error) {
    throw await withTargetState(signal.aborted ? signal.reason : error, options)
  }
}

async function writeAll(
  options: RestoreRunOptions,
  topics: readonly string[],
  identity: ProducerIdentity,
): Promise<RestoredPartition[]> {
  const queues = new LeaderQueues(options, topics)
  try {
    const results = await writePartitions(options, queues, identity)
    await assertEnds(options, results)
    return results
  } finally {
    await queues.close()
  }
}

async function acquireIdentity(
  options: RestoreRunOptions,
  topics: readonly string[],
): Promise<ProducerIdentity> {
  const { cluster, clientId, security, clock, signal } = options
  return retry(
    async () => {
      const { brokers } = await cluster.describe(topics)
      const [address] = brokers.values()
      const link = await openBrokerLink(address, { clientId, security, signal })
      try {
        const version = negotiateVersion(link.versions, INIT_PRODUCER_ID, link.connection.broker)
        return await initProducerId(link.connection, version)
      } finally {
        link.connection.close()
      }
    },
    { policy: TRANSIENT_RETRY, clock, signal },
  )
}

async function writePartitions(
  options: RestoreRunOptions,
  queues: LeaderQueues,
  identity: ProducerIdentity,
): Promise<RestoredPartition[]> {
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  const progress = trackProgress(options)
  // Large partitions first: the last one to end decides how long it takes.
  const waiting = options.plan.partitions.toSorted((a, b) => b.rawBytes - a.rawBytes)
  const results: RestoredPartition[] = []
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      results.push(await writePartition({ ...options, signal }, next, queues, identity, progress))
    }
    signal.throwIfAborted()
  }
  const count = Math.min(CONCURRENT_PARTITIONS_MAX, Math.max(waiting.length, 1))
  const workers = Array.from({ length: count }, () =>
    worker().catch((error) => {
      failure.abort(error)
      throw error
    }),
  )
  try {
    await settleAll(workers)
  } catch (error) {
    throw failure.signal.reason ?? error
  }
  return results.sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  )
}

async function writePartition(
  options: RestoreRunOptions,
  plan: PartitionRestorePlan,
  queues: LeaderQueues,
  identity: ProducerIdentity,
  onWritten: (records: number, bytes: number) => void,
): Promise<RestoredPartition> {
  const { storage, transforms, clock, signal, observe, target } = options
  const begin =
    target.beginOffsets.get(partitionName({ topic: plan.targetTopic, partition: plan.partition })) ?? 0n
  const lane = new PartitionLane({ queues, identity, clock, signal, observe, onWritten }, plan, begin)
  const source = readSourceBatches(
    { storage, backupId: options.plan.backupId, transforms, signal },
    plan.parts,
  )
  const result = await lane.run(source)
  const isAsPlanned = plan.isExact ? result.records === plan.records : result.records <= plan.records
  if (!isAsPlanned) {
    throw new KafkaBackupError(
      'KB_SEGMENT_CORRUPT',
      `${plan.sourceTopic}/${plan.partition}: ${result.records} records were found, the commits count ${plan.records}`,
      { context: { topic: plan.sourceTopic, partition: plan.partition } },
    )
  }
  return {
    ...result,
    sourceTopic: plan.sourceTopic,
    firstSourceOffset: plan.parts[0]?.part.firstOffset ?? 0n,
    nextSourceOffset: nextSourceOffset(plan),
    lineage: plan.lineage,
    sinceCommit: plan.sinceCommit,
    inheritedEndOffset: plan.inheritedEndOffset,
  }
}

/** Behind what was read; a part may have been read up to an offset inside it. */
function nextSourceOffset(plan: PartitionRestorePlan): bigint {
  const last = plan.parts.at(-1)
  return last?.endOffset ?? last?.part.nextOffset ?? 0n
}

function trackProgress(options: RestoreRunOptions): (records: number, bytes: number) => void {
  let done = 0
  let rawBytes = 0
  return (records, bytes) => {
    done += records
    rawBytes += bytes
    const totalOffsets = options.plan.records
    const progress = { records: done, rawBytes, storedBytes: 0, doneOffsets: done, totalOffsets }
    options.observe({ type: 'progressed', progress })
  }
}

/** What the target says it holds must be what we wrote: a foreign writer or a deletion is noticed here at the latest. */
async function assertEnds(options: RestoreRunOptions, results: readonly RestoredPartition[]): Promise<void> {
  const { cluster, clock, signal } = options
  const policy = TRANSIENT_RETRY
  const ends = await retry(() => cluster.listOffsets('high_watermark', results), { policy, clock, signal })
  for (const result of results) {
    const end = ends.get(partitionName(result))
    if (end === result.nextTargetOffset) continue
    throw new KafkaBackupError(
      'KB_TARGET_CHANGED',
      `${partitionName(result)} ends at offset ${end}, expected ${result.nextTargetOffset}: something else wrote to this topic`,
      { context: { topic: result.topic, partition: result.partition } },
    )
  }
}
