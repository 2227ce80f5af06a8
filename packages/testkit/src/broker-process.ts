import { closeSync, openSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { probeBroker } from './broker-probe.ts'
import { JavaProcess } from './java-process.ts'
import type { KafkaDistribution } from './kafka-distribution.ts'
import type { BrokerAddress } from './server-properties.ts'

/** Everything that a broker needs to start, again and again. */
export interface BrokerSetup extends BrokerAddress {
  readonly distribution: KafkaDistribution
  readonly clusterId: string
  readonly propertiesFile: string
  /** Receives stdout and stderr of all starts. */
  readonly outputFile: string
  readonly heapMb: number
  readonly compiler: BrokerCompiler
  readonly systemProperties: Readonly<Record<string, string>>
  readonly readyTimeoutMs: number
}

/** What the JVM of a broker compiles with: measured, `quick` starts a broker with 2.1 s of CPU, `best` with 3.6 s. */
export type BrokerCompiler = 'quick' | 'best'

const COMPILERS: Readonly<Record<BrokerCompiler, readonly string[]>> = {
  quick: ['-XX:TieredStopAtLevel=1'],
  best: [],
}

/** Kafka's main class. */
export const BROKER_PROGRAM = 'kafka.Kafka'

const PROBE_INTERVAL_MS = 100
const PROBE_TIMEOUT_MS = 2_000
const STOP_TIMEOUT_MS = 60_000
const KILL_TIMEOUT_MS = 30_000
const SHOWN_LOG_LINES = 30

/** One broker of a test cluster, in a process of its own. */
export class Broker {
  readonly id: number
  readonly port: number
  /** Holds one folder per partition: `<topic>-<partition>`. */
  readonly logDir: string
  readonly #setup: BrokerSetup
  #process: JavaProcess | undefined

  constructor(setup: BrokerSetup) {
    this.id = setup.id
    this.port = setup.port
    this.logDir = setup.logDir
    this.#setup = setup
  }

  /** The pid of the JVM: of the last one while no one runs. */
  get pid(): number {
    if (!this.#process) throw new Error(`broker ${this.id} was never started`)
    return this.#process.pid
  }

  /** `host:port` of one of the secure listeners. */
  listenerAddress(name: string): string {
    const placed = this.#setup.secureListeners.find(({ listener }) => listener.name === name)
    if (!placed) throw new Error(`broker ${this.id} has no listener ${name}`)
    return `${placed.listener.host ?? '127.0.0.1'}:${placed.port}`
  }

  /** True until the process is gone; also while it is paused. */
  get isRunning(): boolean {
    return this.#process?.isRunning ?? false
  }

  /** Starts the broker, on the same port and data as before, and waits until it serves. */
  async start(): Promise<void> {
    if (!this.isRunning) this.launch()
    await this.waitUntilReady([this.id])
  }

  /** Starts the process without waiting. */
  launch(): void {
    if (this.isRunning) throw new Error(`broker ${this.id} runs already`)
    const output = openSync(this.#setup.outputFile, 'a')
    try {
      this.#process = new JavaProcess({ args: this.#javaArgs(), output })
      this.#process.unref()
    } finally {
      closeSync(output)
    }
  }

  /** Waits until the broker answers and sees the brokers `ids` alive. */
  async waitUntilReady(ids: readonly number[]): Promise<void> {
    const deadlineMs = performance.now() + this.#setup.readyTimeoutMs
    while (this.isRunning && performance.now() < deadlineMs) {
      if (await this.#sees(ids)) return
      await delay(PROBE_INTERVAL_MS)
    }
    const problem = this.isRunning ? `not ready in ${this.#setup.readyTimeoutMs} ms` : 'ended while starting'
    throw new Error(`broker ${this.id}: ${problem}. End of its log:\n${await this.#logTail()}`)
  }

  /** SIGTERM, then waits for an orderly end. */
  async stop(): Promise<void> {
    if (!this.#process?.isRunning) return
    this.#process.signal('SIGTERM')
    this.#process.signal('SIGCONT')
    if (await this.#process.waitForEnd(STOP_TIMEOUT_MS)) return
    await this.kill()
    throw new Error(`broker ${this.id} did not stop in ${STOP_TIMEOUT_MS} ms and was killed`)
  }

  /** SIGKILL, then waits until the process is gone. */
  async kill(): Promise<void> {
    if (!this.#process?.isRunning) return
    this.#process.signal('SIGKILL')
    if (await this.#process.waitForEnd(KILL_TIMEOUT_MS)) return
    throw new Error(`broker ${this.id} (pid ${this.pid}) survived SIGKILL for ${KILL_TIMEOUT_MS} ms`)
  }

  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void {
    this.#process?.signal('SIGSTOP')
  }

  /** SIGCONT: undoes {@link Broker.pause}. */
  resume(): void {
    this.#process?.signal('SIGCONT')
  }

  /** Paths of Kafka's log segments of one partition, oldest first. */
  async logSegmentFiles(topic: string, partition: number): Promise<string[]> {
    const folder = join(this.logDir, `${topic}-${partition}`)
    const names = await readdir(folder)
    return names
      .filter((name) => name.endsWith('.log'))
      .sort()
      .map((name) => join(folder, name))
  }

  /** What the broker has logged since the first start. */
  readOutput(): Promise<string> {
    return readFile(this.#setup.outputFile, 'utf8')
  }

  #javaArgs(): string[] {
    const { heapMb, compiler, systemProperties, distribution, propertiesFile } = this.#setup
    return [
      `-Xmx${heapMb}m`,
      '-Xms128m',
      '-XX:+UseSerialGC',
      ...COMPILERS[compiler],
      '-XX:+PerfDisableSharedMem',
      '-Djava.awt.headless=true',
      '-Dorg.slf4j.simpleLogger.showDateTime=true',
      '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS',
      ...Object.entries(systemProperties).map(([name, value]) => `-D${name}=${value}`),
      '-cp',
      distribution.classpath,
      BROKER_PROGRAM,
      propertiesFile,
    ]
  }

  async #sees(ids: readonly number[]): Promise<boolean> {
    try {
      const cluster = await probeBroker(this.port, PROBE_TIMEOUT_MS)
      return cluster.clusterId === this.#setup.clusterId && ids.every((id) => cluster.brokerIds.includes(id))
    } catch {
      return false
    }
  }

  async #logTail(): Promise<string> {
    const text = await this.readOutput().catch(() => '(no log)')
    return text.trimEnd().split('\n').slice(-SHOWN_LOG_LINES).join('\n')
  }
}
