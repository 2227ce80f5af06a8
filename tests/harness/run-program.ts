import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/kafka-backup.js', import.meta.url))
const TIMEOUT_MS = 180_000

/** How to start the program. `env` is added to that of this process; undefined removes a variable. */
export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Patience: after it the program is killed and the promise rejects with what it had printed. */
  readonly timeoutMs?: number
  /** Path of another program than the one that users run: one that is composed of other parts. */
  readonly program?: string
}

/** How a run ended and everything it printed. Exactly one of `exitCode` and `signal` is not null. */
export interface ProgramEnd {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** stdout as one JSON document; fails with the whole output when it is none. */
  json<T = Record<string, unknown>>(): T
}

/** A program under way. */
export interface RunningProgram {
  readonly child: ChildProcess
  /** Rejects only when the program cannot be started or exceeds its time. */
  readonly ended: Promise<ProgramEnd>
  /** What it has printed so far. */
  output(): { readonly stdout: string; readonly stderr: string }
}

/** Runs kafka-backup as a user would and waits for its end, whatever its exit code. */
export function runProgram(args: readonly string[], options: ProgramOptions = {}): Promise<ProgramEnd> {
  return startProgram(args, options).ended
}

/** Starts kafka-backup; it never outlives this process. */
export function startProgram(args: readonly string[], options: ProgramOptions = {}): RunningProgram {
  const child = spawn(process.execPath, [options.program ?? PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  const output = () => ({
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
  })
  const ended = endOf(child, { args, output, timeoutMs: options.timeoutMs ?? TIMEOUT_MS })
  // Whoever only wants the child must not be ended by an unhandled rejection.
  ended.catch(() => {})
  return { child, ended, output }
}

function endOf(
  child: ChildProcess,
  run: { args: readonly string[]; output: RunningProgram['output']; timeoutMs: number },
): Promise<ProgramEnd> {
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  return new Promise((resolve, reject) => {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, run.timeoutMs)
    const settle = () => {
      clearTimeout(timer)
      process.off('exit', killAtExit)
    }
    child.once('error', (error) => {
      settle()
      reject(error)
    })
    child.once('close', (exitCode, signal) => {
      settle()
      const { stdout, stderr } = run.output()
      const said = `kafka-backup ${run.args.join(' ')}\nstdout:\n${stdout}\nstderr:\n${stderr}`
      if (isLate) reject(new Error(`still running after ${run.timeoutMs} ms, killed: ${said}`))
      else resolve({ exitCode, signal, stdout, stderr, json: () => parseJson(stdout, said) })
    })
  })
}

function parseJson<T>(stdout: string, said: string): T {
  try {
    return JSON.parse(stdout) as T
  } catch (cause) {
    throw new Error(`stdout is no JSON document: ${said}`, { cause })
  }
}
