import type { KafkaCluster } from './kafka-cluster.ts'
import { runTool } from './tool-run.ts'

/** What many transactional producers do at once; what they draw by chance follows from the seed, their timing does not. */
export interface TransactionWorkload {
  readonly seed: number
  /** Of all producers together; three of ten are aborted. */
  readonly transactions: number
  readonly producers: number
  /** Producers without transactions that write in between. */
  readonly plainProducers: number
  /** Producers that leave one transaction open, which the broker aborts after `hangingTimeoutMs`. */
  readonly hangingProducers: number
  readonly hangingTimeoutMs: number
  /** Partitions by topic; the topics exist. */
  readonly topics: Readonly<Record<string, number>>
}

/** `hanging` was left open and is aborted by the broker; `plain` was no transaction. */
export type TransactionOutcome = 'committed' | 'aborted' | 'hanging' | 'plain'

/** What one transaction sent to one partition: counters of its producer there, without a hole. `last` inclusive. */
export interface SentRange {
  readonly topic: string
  readonly partition: number
  readonly first: number
  readonly last: number
}

/** A transaction and its certain outcome. */
export interface TransactionEntry {
  readonly producer: number
  readonly transaction: number
  readonly outcome: TransactionOutcome
  readonly ranges: readonly SentRange[]
}

/** Who wrote a record, and as which of its own in that partition. */
export interface WorkloadRecord {
  readonly producer: number
  readonly counter: number
}

const PROGRAM = 'TransactionWorkload'
const TIMEOUT_MS = 60 * 60_000

/** Runs the workload to its end; transactions that hang may still be open then. */
export async function runTransactions(
  cluster: Pick<KafkaCluster, 'version' | 'classpath' | 'bootstrap'>,
  workload: TransactionWorkload,
): Promise<TransactionEntry[]> {
  const topics = Object.entries(workload.topics).map(([topic, partitions]) => `${topic}:${partitions}`)
  const settings = Object.entries({ ...workload, topics: topics.join(',') })
  const run = await runTool(cluster, PROGRAM, [cluster.bootstrap], {
    input: `${settings.map(([name, value]) => `${name}=${value}`).join('\t')}\n`,
    timeoutMs: TIMEOUT_MS,
    profile: 'roomy',
  })
  if (run.exitCode !== 0) throw new Error(`TransactionWorkload exited with ${run.exitCode}:\n${run.stderr}`)
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map(parseEntry)
}

/** Reads the key of a record of the workload; undefined when it is none. */
export function parseWorkloadKey(key: Uint8Array): WorkloadRecord | undefined {
  const match = /^(\d+)\/(\d+)\/-?\d+$/.exec(Buffer.from(key).toString('latin1'))
  return match ? { producer: Number(match[1]), counter: Number(match[2]) } : undefined
}

function parseEntry(line: string): TransactionEntry {
  const [producer, transaction, outcome, ranges = ''] = line.split('\t')
  return {
    producer: Number(producer),
    transaction: Number(transaction),
    outcome: outcome as TransactionOutcome,
    ranges: ranges === '' ? [] : ranges.split(' ').map(parseRange),
  }
}

function parseRange(text: string): SentRange {
  const [, topic, partition, first, last] = /^(.+)\/(\d+):(\d+)-(\d+)$/.exec(text) ?? []
  if (topic === undefined) throw new Error(`the history has a range that is none: ${text}`)
  return { topic, partition: Number(partition), first: Number(first), last: Number(last) }
}
