import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { Clock } from '../runtime/clock.ts'
import { retry } from '../runtime/retry.ts'
import { type BackupPlan, planBackup } from './backup-plan.ts'

// A cluster that was just started answers some requests with transient errors.
const PREPARE_RETRY = { firstDelayMs: 200, maxDelayMs: 1_000, giveUpAfterMs: 10_000 }

/**
 * Asks the cluster for everything a plan needs, with the snapshot target taken last, so that all that was acknowledged
 * before is below it. @throws KB_TOPIC_NOT_FOUND, KB_CLUSTER_*, and what {@link planBackup} refuses
 */
export function prepareBackup(
  cluster: Cluster,
  state: BackupState,
  topics: readonly string[],
  clock: Clock,
  signal: AbortSignal,
): Promise<BackupPlan> {
  return retry(() => prepareOnce(cluster, state, topics, clock), {
    policy: PREPARE_RETRY,
    clock,
    signal,
  })
}

async function prepareOnce(
  cluster: Cluster,
  state: BackupState,
  topics: readonly string[],
  clock: Clock,
): Promise<BackupPlan> {
  const description = await cluster.describe(topics)
  const partitions = description.topics.flatMap((topic) =>
    topic.partitions.map(({ partition }) => ({ topic: topic.name, partition })),
  )
  assertLeaders(description.topics)
  const configs = await cluster.topicConfigs(topics, ['cleanup.policy'])
  const compactedTopics = new Set(
    [...configs]
      .filter(([, values]) => values.get('cleanup.policy')?.includes('compact'))
      .map(([name]) => name),
  )
  const targetAtMs = clock.nowMs()
  const targets = await cluster.listOffsets('last_stable', partitions)
  const highWatermarks = await cluster.listOffsets('high_watermark', partitions)
  const logStarts = await cluster.listOffsets('log_start', partitions)
  return planBackup({ state, description, logStarts, highWatermarks, targets, compactedTopics, targetAtMs })
}

function assertLeaders(topics: Awaited<ReturnType<Cluster['describe']>>['topics']): void {
  for (const topic of topics) {
    for (const entry of topic.partitions) {
      if (entry.leader >= 0) continue
      throw new KafkaBackupError('KB_BROKER_TRANSIENT', `${topic.name}/${entry.partition} has no leader`, {
        context: { topic: topic.name, partition: entry.partition },
      })
    }
  }
}
