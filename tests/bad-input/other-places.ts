import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ProgramEnd, runProgram } from '../harness/run-program.ts'

const PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/kafka-backup.js', import.meta.url))
const TIMEOUT_MS = 180_000

/** Runs the program so that file modes count, which they do not for root. */
export function runWithoutPrivilegedReads(args: readonly string[]): Promise<ProgramEnd> {
  if (process.getuid?.() !== 0) return runProgram(args)
  return runBehind(['setpriv', '--bounding-set=-dac_override,-dac_read_search'], args)
}

/**
 * A mount namespace of its own, for file systems that only this test sees; brokers outside are reached as ever. It lives
 * until it is closed or this process ends.
 */
export class PrivateMounts implements AsyncDisposable {
  readonly #holder: ChildProcess
  readonly #isRoot = process.getuid?.() === 0

  private constructor() {
    const user = this.#isRoot ? [] : ['-r']
    // `cat` ends when its input does, which is when this process is gone.
    const args = [...user, '-m', '--propagation', 'private', 'sh', '-c', 'echo ready && exec cat']
    this.#holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'ignore'] })
  }

  static async open(): Promise<PrivateMounts> {
    const mounts = new PrivateMounts()
    await once(mounts.#holder.stdout!, 'data')
    return mounts
  }

  /** Path by which this process sees `path` of the namespace. */
  pathOf(path: string): string {
    return join('/proc', String(this.#holder.pid), 'root', path)
  }

  /** Runs a command inside; fails when it does. */
  async run(...command: readonly string[]): Promise<void> {
    const end = await ended(spawn('nsenter', [...this.#entry(), ...command]))
    if (end.exitCode !== 0) throw new Error(`${command.join(' ')} failed: ${end.stderr}`)
  }

  /** Runs the program inside. */
  runProgram(args: readonly string[]): Promise<ProgramEnd> {
    return runBehind(['nsenter', ...this.#entry()], args)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#holder, 'close')
    this.#holder.stdin?.end()
    await closed
  }

  #entry(): string[] {
    const user = this.#isRoot ? [] : ['-U', '--preserve-credentials']
    return ['-t', String(this.#holder.pid), '-m', ...user]
  }
}

/** Runs the program through another command that ends by starting it. */
export function runBehind(prefix: readonly string[], args: readonly string[]): Promise<ProgramEnd> {
  const [command = '', ...rest] = prefix
  return ended(spawn(command, [...rest, process.execPath, PROGRAM, ...args]))
}

async function ended(child: ChildProcess): Promise<ProgramEnd> {
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk))
  try {
    const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    const text = Buffer.concat(stdout).toString()
    return {
      exitCode,
      signal,
      stdout: text,
      stderr: Buffer.concat(stderr).toString(),
      json: () => JSON.parse(text),
    }
  } finally {
    clearTimeout(timer)
  }
}
