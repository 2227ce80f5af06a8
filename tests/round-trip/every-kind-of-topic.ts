import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type FillJob, fillTopics, type KafkaCluster } from '@kafka-backup/testkit'
import { parseBatches } from '../harness/committed-batches.ts'
import { createTopics, type TopicSpec } from '../harness/new-topics.ts'

/** A topic with one property that a backup may get wrong. */
export interface TopicKind {
  readonly topic: string
  /** What has to come back. */
  readonly what: string
  readonly spec: TopicSpec
  /** Filled before the first and again before the second run of the backup; never, when absent. */
  readonly job?: Omit<FillJob, 'topic'>
}

const LONG_AGO_MS = Date.UTC(2009, 0, 3)
const MANY_BYTES = 5_000_000
const RECORDS = 800

const everyCorner = {
  records: RECORDS,
  valueBytes: 300,
  maxHeaders: 3,
  nullKeyEvery: 7,
  tombstoneEvery: 11,
  outOfOrderEvery: 5,
  beginTimestampMs: LONG_AGO_MS,
  timestampStepMs: 60_000,
  batchBytes: 8_192,
} as const

const codecs = (['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const).map(
  (codec): TopicKind => ({
    topic: `codec-${codec}`,
    what: `${codec} batches with repeated, null and empty headers, null keys, tombstones and times of long ago`,
    spec: { partitions: 2 },
    job: { ...everyCorner, compression: codec },
  }),
)

/** Of all topics there are. */
export const KINDS: readonly TopicKind[] = [
  ...codecs,
  { topic: 'empty', what: 'a topic that has no record at all', spec: { partitions: 2 } },
  {
    topic: 'one-of-three',
    what: 'partitions without records beside one that has some',
    spec: { partitions: 3 },
    job: { records: RECORDS, valueBytes: 100, partition: 1 },
  },
  {
    topic: 'compacted',
    what: 'what the log cleaner left of batches, compressed ones too',
    spec: {
      partitions: 1,
      config: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01', 'segment.ms': '60000' },
    },
    job: { ...everyCorner, nullKeyEvery: 0, distinctKeys: 300, compression: 'lz4', timestampStepMs: 1_000 },
  },
  {
    topic: 'ledger',
    what: 'committed transactions, without the aborted ones',
    spec: { partitions: 2 },
    job: {
      ...everyCorner,
      compression: 'snappy',
      transactions: { recordsPerTransaction: 30, abortEvery: 3 },
    },
  },
  {
    topic: 'append-time',
    what: 'the times at which the broker appended, as consumers saw them',
    spec: { partitions: 2, config: { 'message.timestamp.type': 'LogAppendTime' } },
    job: { ...everyCorner, compression: 'gzip' },
  },
  {
    topic: 'shortened',
    what: 'what DeleteRecords left, from the middle of a batch on',
    spec: { partitions: 1 },
    job: { ...everyCorner, compression: 'zstd' },
  },
  {
    topic: 'sizes',
    what: 'records of one byte and of several megabytes',
    spec: { partitions: 1, config: { 'max.message.bytes': String(2 * MANY_BYTES) } },
    job: { records: 2, valueBytes: MANY_BYTES },
  },
]

/** Of the broker: the cleaner looks for work all the time. */
export const EAGER_CLEANER = { 'log.cleaner.backoff.ms': '200' } as const

const SHORTENED_BEFORE = 123
const CLEANED_WITHIN_MS = 240_000
// The cleaner of 4.2.1 was seen to leave a log alone for two minutes. What is added has later times than all before it,
// so that a new segment begins and the cleaner finds more to do.
const NUDGED_EVERY_MS = 15_000
const NUDGED_LATER_MS = 24 * 3_600_000
const POLL_MS = 300

/** Creates and fills all topics; when it resolves, the cleaner has cleaned and records were deleted. */
export async function prepareSource(cluster: KafkaCluster): Promise<void> {
  await createTopics(cluster, Object.fromEntries(KINDS.map(({ topic, spec }) => [topic, spec])))
  await fillAgain(cluster, 1)
  await cluster.tools.producerPerformance({ topic: 'sizes', records: 500, payload: { bytesPerRecord: 1 } })
  await cluster.tools.deleteRecords('shortened', 0, SHORTENED_BEFORE)
  await untilCleaned(cluster, 'compacted')
  // From here on the log of the source stays as it is, so that it can be compared.
  await cluster.tools.alterTopicConfig('compacted', { 'min.compaction.lag.ms': '9000000000000000' })
}

/** Writes more to every topic that has records. */
export async function fillAgain(cluster: KafkaCluster, round: number): Promise<void> {
  const jobs = KINDS.flatMap(({ topic, job }) => (job ? [{ ...job, topic, seed: round }] : []))
  await fillTopics(cluster, jobs)
}

/** Waits until the log has holes, and no new ones for a while. */
async function untilCleaned(cluster: KafkaCluster, topic: string): Promise<void> {
  const beganMs = performance.now()
  let nudges = 0
  let before = await countHoles(cluster, topic)
  while (performance.now() - beganMs < CLEANED_WITHIN_MS) {
    await delay(3 * POLL_MS)
    if (performance.now() - beganMs > (nudges + 1) * NUDGED_EVERY_MS) await nudge(cluster, topic, ++nudges)
    const holes = await countHoles(cluster, topic)
    if (holes > 0n && holes === before) return
    before = holes
  }
  const log = await cluster.broker(1).readOutput()
  const said = log.split('\n').filter((line) => /cleaner/i.test(line))
  const found = `${before} holes after ${nudges} nudges`
  throw new Error(
    `the cleaner left ${topic} as it was for ${CLEANED_WITHIN_MS} ms (${found}):\n${said.slice(-20).join('\n')}`,
  )
}

async function nudge(cluster: KafkaCluster, topic: string, round: number): Promise<void> {
  const job = KINDS.find((kind) => kind.topic === topic)?.job
  if (!job) throw new Error(`nothing is known to add to ${topic}`)
  const beginTimestampMs = LONG_AGO_MS + round * NUDGED_LATER_MS
  await fillTopics(cluster, [{ ...job, topic, seed: 1, beginTimestampMs }])
}

/** Offsets between the first and the last of a log that no record has. */
async function countHoles(cluster: KafkaCluster, topic: string): Promise<bigint> {
  let holes = 0n
  let next: bigint | undefined
  for (const file of await cluster.broker(1).logSegmentFiles(topic, 0)) {
    // The cleaner swaps files under our eyes: what is gone is looked at the next time.
    const bytes = await readFile(file).catch(() => Buffer.alloc(0))
    for (const batch of parseBatches(bytes, file)) {
      holes += batch.baseOffset - (next ?? batch.baseOffset)
      next = batch.lastOffset + 1n
      holes += next - batch.baseOffset - BigInt(batch.recordCount)
    }
  }
  return holes
}
