import { text } from 'node:stream/consumers'
import { JavaProcess } from './java-process.ts'
import type { KafkaCluster } from './kafka-cluster.ts'

/** What {@link SequenceWriter} writes. */
export interface SequenceJob {
  readonly topic: string
  /** It writes to all from 0 on. */
  readonly partitions: number
  readonly recordsPerSecond: number
}

/** What became of all records. */
export interface WrittenSequence {
  readonly acknowledged: number
  readonly failed: number
}

const END_TIMEOUT_MS = 11 * 60_000

/** Writes steadily, in a JVM of its own, through whatever happens to the brokers: each record waits ten minutes for its acknowledgement. */
export class SequenceWriter implements AsyncDisposable {
  readonly #jvm: JavaProcess
  readonly #said: Promise<[string, string]>

  constructor(cluster: Pick<KafkaCluster, 'classpath' | 'bootstrap'>, job: SequenceJob) {
    const { topic, partitions, recordsPerSecond } = job
    this.#jvm = new JavaProcess({
      args: [
        ...['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+PerfDisableSharedMem'],
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
        ...['-cp', cluster.classpath, 'WriteSequence', cluster.bootstrap, topic],
        ...[String(partitions), String(recordsPerSecond)],
      ],
      output: 'pipe',
    })
    this.#jvm.stdin?.on('error', () => {})
    this.#said = Promise.all([text(this.#jvm.stdout!), text(this.#jvm.stderr!)])
  }

  /** Writes no more, and waits for the acknowledgements that are open. */
  async finish(): Promise<WrittenSequence> {
    this.#jvm.stdin?.end('\n')
    if (!(await this.#jvm.waitForEnd(END_TIMEOUT_MS))) throw new Error('the writer does not end')
    const [stdout, stderr] = await this.#said
    const [acknowledged, failed] = stdout.trim().split(' ').map(Number)
    if (acknowledged === undefined || failed === undefined)
      throw new Error(`the writer ended badly:\n${stderr}`)
    return { acknowledged, failed }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#jvm.signal('SIGKILL')
    await this.#jvm.ended
  }
}
