import { randomUUID } from 'node:crypto'
import type { KafkaCluster } from './kafka-cluster.ts'
import { runTool } from './tool-run.ts'

/** How the records of a job are grouped into transactions. */
export interface FillTransactions {
  readonly recordsPerTransaction: number
  /** Aborts every n-th transaction; none by default. */
  readonly abortEvery?: number
  /** Neither commits nor aborts the last one: it pins the last stable offset until it times out. */
  readonly leaveLastOpen?: boolean
  /** Random by default. The same id again fences the former producer and aborts what it left open. */
  readonly transactionalId?: string
  /** When the broker aborts what was left open: 15 minutes by default, which is also its default maximum. */
  readonly timeoutMs?: number
}

/** Records to write to one topic; everything but the time of sending follows from the seed. */
export interface FillJob {
  readonly topic: string
  readonly records: number
  readonly seed?: number
  /** Length of each value; a JSON event that `zstd -3` shrinks to about a quarter. 1,000 by default. */
  readonly valueBytes?: number
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /** All records to this partition. By default the key decides, and chance for records without a key. */
  readonly partition?: number
  /**
   * Every n-th record has no key; 1 means no keys at all, 0 (the default) that all have one. A compacted topic
   * refuses records without a key.
   */
  readonly nullKeyEvery?: number
  /** Keys repeat after so many records; they never do by default. */
  readonly distinctKeys?: number
  /** Up to so many headers a record, with repeated names and null and empty values. None by default. */
  readonly maxHeaders?: 0 | 1 | 2 | 3
  /** Every n-th value is null; none by default. */
  readonly tombstoneEvery?: number
  readonly beginTimestampMs?: number
  readonly timestampStepMs?: number
  /** Every n-th timestamp is up to a minute early; none by default. */
  readonly outOfOrderEvery?: number
  readonly batchBytes?: number
  readonly lingerMs?: number
  readonly transactions?: FillTransactions
}

/** What became of a {@link FillJob}; a record that was refused makes the whole call fail instead. */
export interface FillResult {
  readonly topic: string
  /** All records in the log, whatever became of their transaction. */
  readonly acknowledged: number
  /** Of these, visible with read_committed. */
  readonly committed: number
  readonly aborted: number
  /** In the transaction that was left open. */
  readonly open: number
  readonly elapsedMs: number
}

const PROGRAM = 'FillTopics'
const TIMEOUT_MS = 15 * 60_000
const NO_COMPILER = /jdk\.compiler/

/** Writes the jobs, one after the other, through Kafka's own idempotent producer with acks=all. */
export async function fillTopics(
  cluster: Pick<KafkaCluster, 'version' | 'classpath' | 'bootstrap'>,
  jobs: readonly FillJob[],
  options: { readonly timeoutMs?: number } = {},
): Promise<FillResult[]> {
  const run = await runTool(cluster, PROGRAM, [cluster.bootstrap], {
    input: jobs.map(formatJob).join(''),
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    profile: 'roomy',
  })
  if (run.exitCode !== 0) {
    const hint = NO_COMPILER.test(run.stderr)
      ? 'A JDK is needed to run Java source; a JRE is not enough. '
      : ''
    throw new Error(`${hint}FillTopics exited with ${run.exitCode}:\n${run.stdout}${run.stderr}`)
  }
  const lines = run.stdout.split('\n').filter((line) => line.startsWith('acknowledged='))
  return jobs.map((job, index) => parseResult(job, lines[index] ?? ''))
}

function formatJob(job: FillJob): string {
  const { transactions } = job
  const fields = {
    topic: job.topic,
    records: job.records,
    seed: job.seed ?? 1,
    valueBytes: job.valueBytes ?? 1000,
    compression: job.compression ?? 'none',
    partition: job.partition ?? -1,
    nullKeyEvery: job.nullKeyEvery ?? 0,
    distinctKeys: job.distinctKeys ?? Number.MAX_SAFE_INTEGER,
    maxHeaders: job.maxHeaders ?? 0,
    tombstoneEvery: job.tombstoneEvery ?? 0,
    beginTimestampMs: job.beginTimestampMs ?? Date.now(),
    timestampStepMs: job.timestampStepMs ?? 1,
    outOfOrderEvery: job.outOfOrderEvery ?? 0,
    batchBytes: job.batchBytes ?? 65_536,
    lingerMs: job.lingerMs ?? 20,
    recordsPerTransaction: transactions?.recordsPerTransaction ?? 0,
    abortEvery: transactions?.abortEvery ?? 0,
    leaveLastOpen: transactions?.leaveLastOpen ?? false,
    transactionalId: transactions?.transactionalId ?? `fill-${randomUUID()}`,
    transactionTimeoutMs: transactions?.timeoutMs ?? 900_000,
  }
  return `${Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join('\t')}\n`
}

function parseResult(job: FillJob, line: string): FillResult {
  const numberOf = (name: string): number => {
    const match = new RegExp(`${name}=(\\d+)`).exec(line)
    if (!match) throw new Error(`FillTopics reported nothing for a job on ${job.topic}`)
    return Number(match[1])
  }
  const acknowledged = numberOf('acknowledged')
  const aborted = numberOf('aborted')
  const open = numberOf('open')
  const elapsedMs = numberOf('elapsedMs')
  return {
    topic: job.topic,
    acknowledged,
    committed: acknowledged - aborted - open,
    aborted,
    open,
    elapsedMs,
  }
}
