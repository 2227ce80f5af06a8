import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type Cluster, partitionName, type TopicPartition } from '../kafka/cluster.ts'
import type { Clock } from '../runtime/clock.ts'

/** How long the end of a log must stand still before its tail is believed, in milliseconds. */
export const STABLE_END_MS = 5_000
const ASK_EVERY_MS = 500
const GIVE_UP_AFTER_MS = 120_000

/**
 * Waits until the log of each partition has not grown for {@link STABLE_END_MS} and all of it is replicated: then no request of an
 * earlier attempt is on its way any more, unless a process was suspended in the middle of sending it.
 * @throws KB_BROKER_TRANSIENT when the logs do not come to rest
 */
export async function waitForStableEnds(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const beganMs = clock.monotonicMs()
  let seen = ''
  let sinceMs = beganMs
  while (clock.monotonicMs() - beganMs < GIVE_UP_AFTER_MS) {
    const now = await endsOf(cluster, partitions)
    if (now === null || now !== seen) {
      seen = now ?? ''
      sinceMs = clock.monotonicMs()
    } else if (clock.monotonicMs() - sinceMs >= STABLE_END_MS) return
    await clock.sleep(ASK_EVERY_MS, signal)
  }
  throw new KafkaBackupError(
    'KB_BROKER_TRANSIENT',
    `the target did not come to rest within ${GIVE_UP_AFTER_MS / 1000} seconds: something writes to it, or replicas are missing`,
  )
}

/** All ends as one text; null while some partition has no leader or records that are not replicated. */
async function endsOf(cluster: Cluster, partitions: readonly TopicPartition[]): Promise<string | null> {
  const topics = [...new Set(partitions.map(({ topic }) => topic))]
  const { topics: described } = await cluster.describe(topics)
  const epochs = new Map(
    described.flatMap((topic) =>
      topic.partitions.map((entry) => [
        partitionName({ topic: topic.name, partition: entry.partition }),
        entry.leaderEpoch,
      ]),
    ),
  )
  // The end of the leader's own epoch is the end of its log, replicated or not (KIP-101).
  const questions = partitions.map((entry) => ({
    ...entry,
    leaderEpoch: epochs.get(partitionName(entry)) ?? -1,
  }))
  const [logEnds, watermarks] = await Promise.all([
    cluster.epochEnds(questions),
    cluster.listOffsets('high_watermark', partitions),
  ])
  const ends: string[] = []
  for (const entry of partitions) {
    const name = partitionName(entry)
    const watermark = watermarks.get(name)
    const logEnd = logEnds.get(name)?.endOffset
    if (watermark === undefined || (logEnd !== undefined && logEnd !== watermark)) return null
    ends.push(`${name}=${watermark}`)
  }
  return ends.join(' ')
}
