import { JavaProcess } from './java-process.ts'

const SHOWN_OUTPUT_CHARS = 6_000
const STOP_TIMEOUT_MS = 90_000
const JVM_ARGS = [
  ...['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+PerfDisableSharedMem'],
  ...['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-Dorg.slf4j.simpleLogger.showDateTime=true'],
]

/** What to start: a class of {@link ensureKafkaApplications}, and what it is told. */
export interface ApplicationStart {
  readonly classpath: string
  readonly program: string
  readonly args: readonly string[]
}

/** An application of Kafka in a JVM of its own, which runs until it is stopped. */
export class KafkaApplication implements AsyncDisposable {
  readonly #jvm: JavaProcess
  #output = ''

  constructor({ classpath, program, args }: ApplicationStart) {
    this.#jvm = new JavaProcess({ args: [...JVM_ARGS, '-cp', classpath, program, ...args], output: 'pipe' })
    this.#jvm.stdin?.on('error', () => {})
    for (const stream of [this.#jvm.stdout, this.#jvm.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk).slice(-SHOWN_OUTPUT_CHARS)
      })
  }

  get isRunning(): boolean {
    return this.#jvm.isRunning
  }

  /** The end of what it printed. */
  get output(): string {
    return this.#output
  }

  /** Ends it in good order: stdin ends, and a signal comes for those that do not read it. */
  async stop(how: 'stdin' | 'signal'): Promise<void> {
    if (how === 'stdin') this.#jvm.stdin?.end()
    else this.#jvm.signal('SIGTERM')
    if (!(await this.#jvm.waitForEnd(STOP_TIMEOUT_MS)))
      throw new Error(`the application does not end:\n${this.#output}`)
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    this.#jvm.signal('SIGKILL')
    await this.#jvm.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}
