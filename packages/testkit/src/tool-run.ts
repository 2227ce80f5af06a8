import { text } from 'node:stream/consumers'
import { JavaProcess } from './java-process.ts'
import type { KafkaDistribution } from './kafka-distribution.ts'

/** How to run one of Kafka's tools. */
export interface ToolRunOptions {
  /** Text for stdin, which is closed in any case. */
  readonly input?: string
  readonly timeoutMs?: number
  /** `short` starts fast, `roomy` has more heap, `long` the better compiler too, which pays for work of many seconds. */
  readonly profile?: 'short' | 'roomy' | 'long'
}

/** What the tool said. Several of Kafka's tools exit with 0 in spite of an error. */
export interface ToolRun {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

const TIMEOUT_MS = 120_000
const PROFILES = {
  short: ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
  roomy: ['-Xmx768m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
  long: ['-Xmx768m', '-XX:+UseSerialGC'],
} as const

/** JVM arguments of every tool: no log noise, and UTF-8 whatever the locale is. */
const COMMON_JAVA_ARGS = [
  '-XX:+PerfDisableSharedMem',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dfile.encoding=UTF-8',
  '-Dstdout.encoding=UTF-8',
  '-Dsun.stdout.encoding=UTF-8',
]

/** Runs the class (or the single-file Java source) `program` to its end; rejects only when it takes too long. */
export async function runTool(
  distribution: KafkaDistribution,
  program: string,
  args: readonly string[],
  options: ToolRunOptions = {},
): Promise<ToolRun> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const jvm = new JavaProcess({
    args: [
      ...PROFILES[options.profile ?? 'short'],
      ...COMMON_JAVA_ARGS,
      '-cp',
      distribution.classpath,
      program,
      ...args,
    ],
    output: 'pipe',
  })
  // A tool may end without reading its input.
  jvm.stdin?.on('error', () => {})
  jvm.stdin?.end(options.input ?? '')
  const output = Promise.all([text(jvm.stdout!), text(jvm.stderr!)])
  const isInTime = await jvm.waitForEnd(timeoutMs)
  jvm.signal('SIGKILL')
  const [stdout, stderr] = await output
  const { exitCode } = await jvm.ended
  if (!isInTime) throw new Error(`${program} took longer than ${timeoutMs} ms:\n${stdout}${stderr}`)
  return { stdout, stderr, exitCode: exitCode ?? -1 }
}
