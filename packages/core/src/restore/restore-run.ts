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
import type { LaneBatch } from './lane-batch.ts'
import { LeaderQueues } from './leader-queues.ts'
import { withTargetState } from './partial-target.ts'
import { type LaneResult, PartitionLane } from './partition-lane.ts'
import type { RestorePlan, RestoreWork } from './restore-plan.ts'
import type { TargetPlan } from './restore-preflight.ts'
import { readWork } from './work-stream.ts'

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

/** What one partition of the target got, and the first of its sources. Offsets of source and target: first, and next (exclusive). */
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
  // Large ones first: the last one to end decides how long it takes.
  const waiting = options.plan.works.toSorted((a, b) => bytesOf(options.plan, b) - bytesOf(options.plan, a))
  const results: RestoredPartition[] = []
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      results.push(...(await writeWork({ ...options, signal }, next, queues, identity, progress)))
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

function bytesOf(plan: RestorePlan, work: RestoreWork): number {
  return work.sources.reduce((sum, source) => sum + (plan.partitions[source]?.rawBytes ?? 0), 0)
}

/** The lanes of a work, one after the other. */
async function writeWork(
  options: RestoreRunOptions,
  work: RestoreWork,
  queues: LeaderQueues,
  identity: ProducerIdentity,
  onWritten: (records: number, bytes: number) => void,
): Promise<RestoredPartition[]> {
  const { clock, signal, observe, target, plan } = options
  const results: RestoredPartition[] = []
  for (const [at, place] of work.targets.entries()) {
    const begin = target.beginOffsets.get(partitionName(place)) ?? 0n
    const lane = new PartitionLane({ queues, identity, clock, signal, observe, onWritten }, place, begin)
    const result = await lane.run(batchesOfLane(options, work, at))
    results.push({ ...result, ...firstSourceOf(plan, work) })
  }
  assertCount(plan, work, results)
  return results
}

async function* batchesOfLane(
  options: RestoreRunOptions,
  work: RestoreWork,
  wanted: number,
): AsyncGenerator<LaneBatch> {
  const { storage, transforms, signal, plan } = options
  const source = { storage, backupId: plan.backupId, transforms, signal, batchMaxBytes: new Map() }
  const begin = work.targets.map(() => 0n)
  for await (const { lane, batch } of readWork(source, plan, work, begin)) {
    if (lane === wanted) yield batch
  }
}

function assertCount(plan: RestorePlan, work: RestoreWork, results: readonly RestoredPartition[]): void {
  const sources = work.sources.flatMap((source) => plan.partitions[source] ?? [])
  const written = results.reduce((sum, { records }) => sum + records, 0)
  const planned = sources.reduce((sum, { records }) => sum + records, 0)
  const isExact = sources.every((source) => source.isExact)
  if (isExact ? written === planned : written <= planned) return
  const names = sources.map(({ sourceTopic, partition }) => `${sourceTopic}/${partition}`).join(', ')
  throw new KafkaBackupError(
    'KB_SEGMENT_CORRUPT',
    `${names}: ${written} records were found, the commits count ${planned}`,
    { context: { topic: sources[0]?.sourceTopic ?? '', partition: sources[0]?.partition ?? 0 } },
  )
}

/** Offsets behind what was read; a part may have been read up to an offset inside it. */
function firstSourceOf(plan: RestorePlan, work: RestoreWork): Omit<RestoredPartition, keyof LaneResult> {
  const source = plan.partitions[work.sources[0] ?? -1]
  const first = source?.parts[0]
  const last = source?.parts.at(-1)
  return {
    sourceTopic: source?.sourceTopic ?? '',
    firstSourceOffset: first?.beginOffset ?? first?.part.firstOffset ?? 0n,
    nextSourceOffset: last?.endOffset ?? last?.part.nextOffset ?? 0n,
    lineage: source?.lineage ?? 1,
    sinceCommit: source?.sinceCommit ?? 0n,
    inheritedEndOffset: source?.inheritedEndOffset ?? null,
  }
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
