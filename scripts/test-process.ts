import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseEvents, type Tally, tally } from './test-tally.ts'

/** What came out of one test file. `output` is what it printed. */
export interface FileResult extends Tally {
  readonly file: string
  readonly durationMs: number
  readonly output: string
  /** What the tests said with `t.diagnostic`. */
  readonly notes: readonly string[]
}

/** Where a file runs, and how long it may. */
export interface FileRun {
  readonly root: string
  /** For the events of the tests; one file name for each test file. */
  readonly eventsPath: string
  readonly timeoutMs: number
  /** Variables for the test file, on top of those of this process. */
  readonly env?: Readonly<Record<string, string>>
}

const REPORTER = pathToFileURL(join(import.meta.dirname, 'test-events.cjs')).href
const KILL_GRACE_MS = 15_000
const OUTPUT_GRACE_MS = 1_000
const OUTPUT_MAX_CHARS = 200_000

const running = new Set<ChildProcess>()

/** Passes a signal on to every test file that is running. */
export function signalRunning(signal: NodeJS.Signals): void {
  for (const child of running) child.kill(signal)
}

/**
 * Runs one file in a process of its own, as `node --test` does, but in a way that a file that hangs is really stopped.
 * A file that ends badly or runs no test at all counts as a failure of its own.
 */
export async function runTestFile(
  file: string,
  { root, eventsPath, timeoutMs, env: own = {} }: FileRun,
): Promise<FileResult> {
  const beganMs = performance.now()
  const args = [`--test-reporter=${REPORTER}`, `--test-reporter-destination=${eventsPath}`, file]
  // Set by an outer `node --test`; with it the file would report to that one.
  const { NODE_TEST_CONTEXT: _, ...outer } = process.env
  const env = {
    ...outer,
    ...own,
    // The program keeps state of its runs there; nobody wants that of tests at home.
    XDG_STATE_HOME: join(dirname(eventsPath), 'state'),
    // The tests start the program hundreds of times: with the code compiled before it starts with 0.6 s of CPU, not 1.1 s.
    NODE_COMPILE_CACHE: join(dirname(eventsPath), 'compiled'),
  }
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let output = ''
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_MAX_CHARS)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const ending = await waitFor(child, timeoutMs)
  running.delete(child)
  const { events, notes } = parseEvents(readEvents(eventsPath))
  const counted = tally(events)
  const trouble = troubleOf(ending, counted)
  const failures = trouble ? [...counted.failures, { name: '(the file)', error: trouble }] : counted.failures
  return { ...counted, failures, file, output, notes, durationMs: performance.now() - beganMs }
}

/** How a process ended: by itself with a code, by a signal, or because its time was up. */
interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly timedOutMs?: number
}

function waitFor(child: ChildProcess, timeoutMs: number): Promise<Ending> {
  return new Promise((resolve, reject) => {
    let timedOutMs: number | undefined
    let killer: NodeJS.Timeout | undefined
    const timer = setTimeout(() => {
      timedOutMs = timeoutMs
      // First the polite way: what holds brokers stops them.
      child.kill('SIGTERM')
      killer = setTimeout(() => child.kill('SIGKILL'), KILL_GRACE_MS)
    }, timeoutMs)
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      clearTimeout(killer)
      // A process that was left behind may keep the pipes open for ever.
      const patience = setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, OUTPUT_GRACE_MS)
      child.on('close', () => {
        clearTimeout(patience)
        resolve(timedOutMs === undefined ? { code, signal } : { code, signal, timedOutMs })
      })
    })
  })
}

function troubleOf({ code, signal, timedOutMs }: Ending, counted: Tally): string | undefined {
  if (timedOutMs !== undefined) return `stopped after ${Math.round(timedOutMs / 1000)} s`
  if (signal !== null) return `ended by ${signal}`
  if (code !== 0 && counted.failures.length === 0) return `ended with exit code ${code}; see its output`
  const count = counted.passed + counted.skipped + counted.failures.length
  return count === 0 ? 'no test ran in it' : undefined
}

function readEvents(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The process ended before it reported anything.
    return ''
  }
}
