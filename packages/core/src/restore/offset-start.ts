import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { TargetPlace } from '../format/restore-ledger.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import type { Clock } from '../runtime/clock.ts'
import { type RetryPolicy, retry } from '../runtime/retry.ts'

/** How a partition gets to its first offset: by records that are deleted again, or by markers. */
export type StartMethod = 'filler' | 'markers'

/** Where the log of a partition has to begin. */
export type LogStart = TargetPlace & { readonly beginOffset: bigint }

const POLICY = 'cleanup.policy'
const START_RETRY: RetryPolicy = { firstDelayMs: 50, maxDelayMs: 1_000, giveUpAfterMs: 15_000 }

/** Topics whose records this account or this topic lets nobody delete get markers: brokers refuse it where only compaction deletes. */
export async function startMethods(
  cluster: Cluster,
  topics: readonly string[],
): Promise<ReadonlyMap<string, StartMethod>> {
  const [operations, configs] = await Promise.all([
    cluster.topicOperations(topics),
    cluster.topicConfigs(topics, [POLICY]),
  ])
  return new Map(
    topics.map((topic) => {
      const mayDelete = operations.get(topic)?.has('delete') ?? true
      return [topic, mayDelete && deletesRecords(configs.get(topic)?.get(POLICY)) ? 'filler' : 'markers']
    }),
  )
}

/** Of a topic with this `cleanup.policy`; undefined: the broker's default, which is `delete` unless somebody changed it. */
export function deletesRecords(policy: string | undefined): boolean {
  return policy === undefined || policy === '' || policy.includes('delete')
}

/** Deletes the filler below these starts, and looks that it is gone. @throws KB_BROKER_TRANSIENT when it is still there */
export async function deleteFiller(
  cluster: Cluster,
  starts: readonly LogStart[],
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  if (starts.length === 0) return
  await cluster.deleteRecords(starts.map(({ beginOffset, ...place }) => ({ ...place, offset: beginOffset })))
  await retry(
    async () => {
      const found = await cluster.listOffsets('log_start', starts)
      for (const start of starts) {
        const offset = found.get(partitionName(start)) ?? 0n
        if (offset >= start.beginOffset) continue
        throw new KafkaBackupError(
          'KB_BROKER_TRANSIENT',
          `${partitionName(start)} begins at offset ${offset}, and everything below ${start.beginOffset} was deleted`,
          { context: { topic: start.topic, partition: start.partition } },
        )
      }
    },
    { policy: START_RETRY, clock, signal },
  )
}

/** The last look: a leader that has changed may have forgotten that the filler was deleted. */
export async function sealStarts(
  cluster: Cluster,
  starts: readonly LogStart[],
  options: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const found =
    starts.length === 0 ? new Map<string, bigint>() : await cluster.listOffsets('log_start', starts)
  const low = starts.filter((start) => (found.get(partitionName(start)) ?? 0n) < start.beginOffset)
  const methods =
    low.length === 0 ? null : await startMethods(cluster, [...new Set(low.map(({ topic }) => topic))])
  await deleteFiller(
    cluster,
    low.filter(({ topic }) => methods?.get(topic) === 'filler'),
    options,
  )
}
