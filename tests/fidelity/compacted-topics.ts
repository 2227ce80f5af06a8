import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type FillJob, fillTopics, type KafkaCluster } from '@kafka-backup/testkit'
import { readRecords } from '../../packages/core/src/protocol/record.ts'
import { BATCH_ATTRIBUTE, BatchCursor } from '../../packages/core/src/protocol/record-batch.ts'
import { createTopics } from '../harness/new-topics.ts'

/** A compacted topic and what is written into it in every round. */
export interface CompactedTopic {
  readonly topic: string
  readonly what: string
  /** How long tombstones stay. */
  readonly deleteRetentionMs: number
  readonly job: Omit<FillJob, 'topic'>
  /** Keys of all rounds but the first, when these are fewer: the others are cleaned again and again without being written. */
  readonly laterKeys?: number
}

/** What the cleaner has left behind in a log. */
export interface CleanerTraces {
  /** Offsets between batches that no batch has. */
  readonly holesBetween: bigint
  /** Offsets inside batches that no record has, those at the end left out. */
  readonly holesInside: bigint
  /** Batches without a record, other than markers. */
  readonly emptied: number
  /** Batches whose last records are gone. */
  readonly withoutTail: number
  /** Batches with a delete horizon (KIP-534). */
  readonly withDeleteHorizon: number
  readonly tombstones: number
}

const CLEANED_WITHIN_MS = 60_000
const POLL_MS = 700
const FOR_EVER_MS = 9_000_000_000_000_000
/** The times of records roll log segments, of which the last one is never cleaned. */
const ROLLED_BY_RECORDS_MS = 60_000
/** Markers have the time of day, far above that of these records: they alone roll a segment. */
const ROLLED_BY_MARKERS_MS = 100
const overwritten = {
  records: 1_500,
  valueBytes: 60,
  timestampStepMs: 1_000,
  beginTimestampMs: 1_500_000_000_000,
  batchBytes: 1_500,
  maxHeaders: 1,
} as const

/** All topics there are. */
export const COMPACTED: readonly CompactedTopic[] = [
  {
    topic: 'overwritten',
    what: 'the few survivors of keys that are written again and again',
    deleteRetentionMs: FOR_EVER_MS,
    job: { ...overwritten, distinctKeys: 5, compression: 'lz4' },
  },
  {
    topic: 'mixed',
    what: 'a topic of which some keys change and most do not, and tombstones that stay',
    deleteRetentionMs: FOR_EVER_MS,
    job: { ...overwritten, distinctKeys: 1_100, tombstoneEvery: 7, compression: 'zstd' },
  },
  {
    topic: 'deleted',
    what: 'a topic whose tombstones are gone, with what they deleted',
    deleteRetentionMs: 1,
    job: { ...overwritten, distinctKeys: 200, tombstoneEvery: 3 },
    laterKeys: 20,
  },
  {
    topic: 'transactions',
    what: 'committed transactions, cleaned, among aborted ones',
    deleteRetentionMs: 1,
    job: {
      ...{ ...overwritten, distinctKeys: 100, compression: 'snappy' },
      transactions: { recordsPerTransaction: 12, abortEvery: 3 },
    },
  },
]

/** Of the broker: the cleaner looks for work all the time. */
export const AGGRESSIVE_CLEANER = { 'log.cleaner.backoff.ms': '100' } as const

export async function createCompacted(cluster: KafkaCluster): Promise<void> {
  const specs = COMPACTED.map(({ topic, deleteRetentionMs, job }) => {
    const config = {
      ...{ 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' },
      ...{ 'segment.ms': `${job.transactions ? ROLLED_BY_MARKERS_MS : ROLLED_BY_RECORDS_MS}` },
      ...{ 'delete.retention.ms': `${deleteRetentionMs}` },
    }
    return [topic, { partitions: 1, config }]
  })
  await createTopics(cluster, Object.fromEntries(specs))
}

/** Overwrites all topics once more. */
export async function overwrite(cluster: KafkaCluster, round: number): Promise<void> {
  const stepMs = overwritten.records * overwritten.timestampStepMs
  const beginTimestampMs = overwritten.beginTimestampMs + round * stepMs
  await fillTopics(
    cluster,
    COMPACTED.map(({ topic, job, laterKeys }) => {
      const keys = round > 0 && laterKeys !== undefined ? { distinctKeys: laterKeys } : {}
      return { ...job, ...keys, topic, seed: round, beginTimestampMs }
    }),
  )
}

/** Waits until the cleaner has nothing left to do, then stops it, so that the logs can be compared. */
export async function freezeCleaned(cluster: KafkaCluster): Promise<void> {
  let before = ''
  let sameTimes = 0
  for (const deadlineMs = performance.now() + CLEANED_WITHIN_MS; sameTimes < 3; await delay(POLL_MS)) {
    if (performance.now() > deadlineMs) throw new Error(`the cleaner was at work for ${CLEANED_WITHIN_MS} ms`)
    const logs = await Promise.all(COMPACTED.map(({ topic }) => readBrokerLog(cluster, topic)))
    const now = logs.map((log) => log.length).join()
    const areCleaned = logs.every((log) => tracesIn(log).holesBetween > 0n)
    sameTimes = now === before && areCleaned ? sameTimes + 1 : 0
    before = now
  }
  const lag = `log.cleaner.min.compaction.lag.ms=${FOR_EVER_MS}`
  const everyBroker = ['--entity-type', 'brokers', '--entity-default']
  const args = ['--bootstrap-server', cluster.bootstrap, '--alter', ...everyBroker, '--add-config', lag]
  const run = await cluster.tools.run('kafka.admin.ConfigCommand', args)
  if (run.exitCode !== 0) throw new Error(`the cleaner was not stopped:\n${run.stdout}${run.stderr}`)
}

/** The files of a log of one partition, as they are now; a file that the cleaner takes away meanwhile is left out. */
export async function readBrokerLog(cluster: KafkaCluster, topic: string): Promise<Buffer> {
  const files = await cluster.broker(1).logSegmentFiles(topic, 0)
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file).catch(() => Buffer.alloc(0)))))
}

/** Looks for what the cleaner did. */
export function tracesIn(log: Buffer): CleanerTraces {
  const traces = {
    ...{ holesBetween: 0n, holesInside: 0n, emptied: 0 },
    withoutTail: 0,
    withDeleteHorizon: 0,
  }
  let tombstones = 0
  const cursor = new BatchCursor(log)
  let next = 0n
  while (cursor.next()) {
    traces.holesBetween += cursor.baseOffset - next
    next = cursor.lastOffset + 1n
    if ((cursor.attributes & BATCH_ATTRIBUTE.deleteHorizon) !== 0) traces.withDeleteHorizon++
    if (cursor.isControl) continue
    if (cursor.recordCount === 0) traces.emptied++
    const records = [...readRecords(cursor)]
    const last = records.at(-1)?.offset ?? cursor.baseOffset - 1n
    if (records.length > 0 && last < cursor.lastOffset) traces.withoutTail++
    traces.holesInside += last + 1n - cursor.baseOffset - BigInt(records.length)
    tombstones += records.filter(({ value }) => value === null).length
  }
  return { ...traces, tombstones }
}
