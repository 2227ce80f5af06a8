import { type FillJob, fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { SHORT_QUOTA_WINDOWS } from '../harness/client-quota.ts'
import { createTopics } from '../harness/new-topics.ts'

/** Topics of the crash tests; one of them transactional, so that runs are cut inside of transactions too. */
export const CRASH_TOPICS = ['orders', 'payments', 'clicks'] as const

const PARTITIONS = 2
/** Most of it is not compressed, so that the quotas, which count bytes, keep a run busy with few records. */
const JOBS: readonly FillJob[] = [
  { topic: 'orders', records: 8_000, seed: 1, maxHeaders: 3, tombstoneEvery: 40, nullKeyEvery: 25 },
  {
    topic: 'payments',
    records: 3_000,
    seed: 2,
    transactions: { recordsPerTransaction: 70, abortEvery: 3 },
  },
  { topic: 'clicks', records: 8_000, valueBytes: 200, seed: 3, compression: 'zstd', outOfOrderEvery: 9 },
]

/** A broker with {@link CRASH_TOPICS}, filled with `scale` times about 12 MB. */
export async function startFilledCluster(scale: number): Promise<KafkaCluster> {
  const cluster = await startKafkaCluster({ properties: SHORT_QUOTA_WINDOWS })
  try {
    await createTopics(
      cluster,
      Object.fromEntries(CRASH_TOPICS.map((topic) => [topic, { partitions: PARTITIONS }])),
    )
    const jobs = JOBS.map((job) => ({ ...job, batchBytes: 16_384, records: Math.round(job.records * scale) }))
    await fillTopics(cluster, jobs)
    return cluster
  } catch (error) {
    await cluster.close()
    throw error
  }
}

/** Settings with which even a small backup has many segments and commits. */
export const MANY_COMMITS = [
  '--checkpoint-interval-secs',
  '1',
  '--segment-max-interval-ms',
  '100',
  '--segment-max-bytes',
  '1048576',
  '--fetch-max-bytes',
  '262144',
] as const
