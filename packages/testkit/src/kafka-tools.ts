import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type DescribedTopic, parseDescribedTopic } from './described-topic.ts'
import type { KafkaDistribution } from './kafka-distribution.ts'
import { type ConsumerPerformance, type ProducerPerformance, parsePerformance } from './performance-report.ts'
import { runTool, type ToolRun, type ToolRunOptions } from './tool-run.ts'

/** Options of {@link KafkaTools.createTopic}. Without `replicationFactor` the broker's default counts, which is 1. */
export interface NewTopic {
  readonly partitions: number
  readonly replicationFactor?: number
  readonly config?: Readonly<Record<string, string>>
}

/** Options of {@link KafkaTools.producerPerformance}. The payload file is read into memory and drawn from at random. */
export interface ProducerPerformanceJob {
  readonly topic: string
  readonly records: number
  readonly payload: { readonly file: string } | { readonly bytesPerRecord: number }
  /** Records per second; unlimited when absent. */
  readonly recordsPerSec?: number
  readonly producerProps?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** Options of {@link KafkaTools.consoleConsumer}. */
export interface ConsoleConsumerJob {
  readonly topic: string
  /** One partition; all partitions when absent. */
  readonly partition?: number
  /** Where to begin in the one partition; its first offset when absent. */
  readonly beginOffset?: bigint
  /** Returns once that many records were read, or when nothing came for `idleMs`. */
  readonly maxRecords: number
  readonly idleMs?: number
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  /** Reads as a member of this group, from its offsets, and commits what was printed. Not together with `partition`. */
  readonly group?: string
  /** How it is a member; `consumer` is that of KIP-848. */
  readonly protocol?: 'classic' | 'consumer'
  /** Of the formatter: print.key, print.offset, print.headers, print.timestamp, print.partition, … */
  readonly properties?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** What the tools work on. */
export interface KafkaToolsTarget {
  readonly distribution: KafkaDistribution
  readonly bootstrap: string
  readonly scratchFolder: string
}

const LONG_TIMEOUT_MS = 15 * 60_000
const CONSOLE_IDLE_MS = 10_000

/** Kafka's own command line tools, each run in a JVM that ends with the call. */
export class KafkaTools {
  readonly #target: KafkaToolsTarget
  readonly #usesNewFlags: boolean

  constructor(target: KafkaToolsTarget) {
    this.#target = target
    const [major = 0, minor = 0] = target.distribution.version.split('.').map(Number)
    // KIP-1147 renamed flags in 4.2; the old ones warn there, the new ones are unknown before.
    this.#usesNewFlags = major > 4 || (major === 4 && minor >= 2)
  }

  /** Runs any class of the distribution, without adding arguments. */
  run(className: string, args: readonly string[], options?: ToolRunOptions): Promise<ToolRun> {
    return runTool(this.#target.distribution, className, args, options)
  }

  /** Creates a topic; fails when it exists. */
  async createTopic(name: string, topic: NewTopic): Promise<void> {
    const args = ['--create', '--topic', name, '--partitions', String(topic.partitions)]
    if (topic.replicationFactor !== undefined) args.push('--replication-factor', `${topic.replicationFactor}`)
    for (const [key, value] of Object.entries(topic.config ?? {})) args.push('--config', `${key}=${value}`)
    await this.#topics(args)
  }

  async deleteTopic(name: string): Promise<void> {
    await this.#topics(['--delete', '--topic', name])
  }

  /** Partitions, leaders and own configuration of a topic; fails when it is unknown. */
  async describeTopic(name: string): Promise<DescribedTopic> {
    return parseDescribedTopic(await this.#topics(['--describe', '--topic', name]))
  }

  /** Sets configuration keys of a topic. */
  async alterTopicConfig(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    // Square brackets keep the commas of a value such as compact,delete together.
    const pairs = Object.entries(config).map(([key, value]) => `${key}=[${value}]`)
    const args = [
      '--alter',
      '--entity-type',
      'topics',
      '--entity-name',
      name,
      '--add-config',
      pairs.join(','),
    ]
    await this.#runOnCluster('kafka.admin.ConfigCommand', args)
  }

  /** Writes records without keys and headers as fast as Kafka's producer can. */
  async producerPerformance(job: ProducerPerformanceJob): Promise<ProducerPerformance> {
    const payload =
      'file' in job.payload
        ? ['--payload-file', job.payload.file]
        : ['--record-size', String(job.payload.bytesPerRecord)]
    const props = { 'bootstrap.servers': this.#target.bootstrap, ...job.producerProps }
    const args = [
      ...['--topic', job.topic, '--num-records', String(job.records)],
      ...['--throughput', String(job.recordsPerSec ?? -1), ...payload],
      ...[this.#usesNewFlags ? '--command-property' : '--producer-props', ...formatPairs(props)],
    ]
    const options = { profile: 'long', timeoutMs: job.timeoutMs ?? LONG_TIMEOUT_MS } as const
    const run = await this.#runChecked('org.apache.kafka.tools.ProducerPerformance', args, options)
    return parsePerformance.ofProducer(run.stdout, job.records)
  }

  /** Reads `records` records of a topic from the beginning with a new group. */
  async consumerPerformance(job: {
    readonly topic: string
    readonly records: number
    readonly timeoutMs?: number
  }): Promise<ConsumerPerformance> {
    const count = this.#usesNewFlags ? '--num-records' : '--messages'
    const args = ['--topic', job.topic, count, String(job.records), '--hide-header']
    const run = await this.#runOnCluster('org.apache.kafka.tools.ConsumerPerformance', args, {
      profile: 'long',
      timeoutMs: job.timeoutMs ?? LONG_TIMEOUT_MS,
    })
    return parsePerformance.ofConsumer(run.stdout)
  }

  /** Reads a topic from the beginning: one line a record, formatted as `properties` say. */
  async consoleConsumer(job: ConsoleConsumerJob): Promise<string[]> {
    const args = ['--topic', job.topic, '--max-messages', String(job.maxRecords)]
    args.push('--timeout-ms', String(job.idleMs ?? CONSOLE_IDLE_MS))
    args.push('--isolation-level', job.isolation ?? 'read_uncommitted')
    if (job.group !== undefined) args.push('--group', job.group)
    if (job.protocol !== undefined) {
      const property = this.#usesNewFlags ? '--command-property' : '--consumer-property'
      args.push(property, `group.protocol=${job.protocol}`)
    }
    if (job.partition === undefined) args.push('--from-beginning')
    else args.push('--partition', String(job.partition), '--offset', `${job.beginOffset ?? 'earliest'}`)
    const flag = this.#usesNewFlags ? '--formatter-property' : '--property'
    for (const pair of formatPairs(job.properties ?? {})) args.push(flag, pair)
    // It exits with 1 when the records end before `maxRecords`; what was read is printed all the same.
    const run = await this.run(
      'org.apache.kafka.tools.consumer.ConsoleConsumer',
      ['--bootstrap-server', this.#target.bootstrap, ...args],
      job.timeoutMs === undefined ? {} : { timeoutMs: job.timeoutMs },
    )
    const isIdleEnd = /TimeoutException/.test(run.stderr)
    if (run.exitCode !== 0 && !isIdleEnd) throw new Error(`ConsoleConsumer failed:\n${run.stderr}`)
    return run.stdout === '' ? [] : run.stdout.replace(/\n$/, '').split('\n')
  }

  /** kafka-consumer-groups with the cluster's address added; returns stdout. */
  async consumerGroups(args: readonly string[]): Promise<string> {
    return (await this.#runOnCluster('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', args))
      .stdout
  }

  /** Moves the log start offset of a partition up to `beforeOffset`. */
  async deleteRecords(topic: string, partition: number, beforeOffset: number | bigint): Promise<void> {
    const file = join(this.#target.scratchFolder, `delete-records-${randomUUID()}.json`)
    const partitions = [{ topic, partition, offset: Number(beforeOffset) }]
    await writeFile(file, JSON.stringify({ version: 1, partitions }))
    try {
      const className = 'org.apache.kafka.tools.DeleteRecordsCommand'
      const run = await this.#runOnCluster(className, ['--offset-json-file', file])
      // It reports a refused partition on stdout and exits with 0.
      if (!/low_watermark: \d+/.test(run.stdout)) throw new Error(`${className} failed:\n${run.stdout}`)
    } finally {
      await rm(file, { force: true })
    }
  }

  /** Raw output for one log segment file of a broker; see parseDumpedBatches. Flushing lags: stop the broker first. */
  async dumpLogSegments(
    file: string,
    options: { readonly deep?: boolean; readonly printData?: boolean } = {},
  ): Promise<string> {
    const args = ['--files', file]
    if (options.deep) args.push('--deep-iteration')
    if (options.printData) args.push('--print-data-log')
    return (await this.#runChecked('kafka.tools.DumpLogSegments', args)).stdout
  }

  async #topics(args: readonly string[]): Promise<string> {
    return (await this.#runOnCluster('org.apache.kafka.tools.TopicCommand', args)).stdout
  }

  #runOnCluster(className: string, args: readonly string[], options?: ToolRunOptions): Promise<ToolRun> {
    return this.#runChecked(className, ['--bootstrap-server', this.#target.bootstrap, ...args], options)
  }

  async #runChecked(className: string, args: readonly string[], options?: ToolRunOptions): Promise<ToolRun> {
    const run = await this.run(className, args, options)
    if (run.exitCode === 0) return run
    throw new Error(`${className} exited with ${run.exitCode}:\n${run.stdout}${run.stderr}`)
  }
}

function formatPairs(properties: Readonly<Record<string, string>>): string[] {
  return Object.entries(properties).map(([key, value]) => `${key}=${value}`)
}
