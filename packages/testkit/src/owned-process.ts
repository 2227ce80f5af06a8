import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { removeAtExit } from './owned-resources.ts'

/** How to start a program. A number for `output` is an open file that receives stdout and stderr. */
export interface OwnedProcessOptions {
  readonly program: string
  readonly args: readonly string[]
  readonly output: number | 'pipe'
  readonly cwd?: string
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
}

/** How a process ended: exactly one of the two is not null. */
export interface ProcessEnd {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
}

// The shell becomes the program (exec keeps the pid), so that signals to the recorded pid reach it. Its background
// half waits on a pipe that only this process holds: end of file without a line means that we died, and the
// program must follow, even when it is stopped by SIGSTOP.
const GUARD_SCRIPT = '{ read -r _ <&3 || kill -9 $$; } >/dev/null 2>&1 & exec "$@" 3<&-'

/** A program that cannot outlive this process. */
export class OwnedProcess {
  readonly pid: number
  /** Resolves when the program is gone and its output has been read; never rejects. */
  readonly ended: Promise<ProcessEnd>
  readonly #child: ChildProcess
  #isRunning = true

  constructor(options: OwnedProcessOptions) {
    const { output } = options
    const child = spawn('sh', ['-c', GUARD_SCRIPT, 'sh', options.program, ...options.args], {
      stdio: [output === 'pipe' ? 'pipe' : 'ignore', output, output, 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
    })
    child.on('error', () => {})
    if (child.pid === undefined) throw new Error('could not start "sh"')
    this.pid = child.pid
    this.#child = child
    const guardPipe = child.stdio[3] as Writable
    guardPipe.on('error', () => {})
    const forget = removeAtExit(() => this.signal('SIGKILL'))
    child.once('exit', () => {
      this.#isRunning = false
      forget()
      guardPipe.end('released\n', () => guardPipe.destroy())
    })
    this.ended = new Promise((resolve) => {
      child.once('close', (exitCode, signal) => resolve({ exitCode, signal }))
    })
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  get stdin(): Writable | null {
    return this.#child.stdin
  }

  get stdout(): Readable | null {
    return this.#child.stdout
  }

  get stderr(): Readable | null {
    return this.#child.stderr
  }

  /** Sends a signal; does nothing when the process is gone. */
  signal(signal: NodeJS.Signals): void {
    // ChildProcess.kill never signals a pid that was reaped, unlike process.kill.
    if (this.#isRunning) this.#child.kill(signal)
  }

  /** Lets this process exit while the program runs; the exit ends the program. */
  unref(): void {
    this.#child.unref()
    const guardPipe = this.#child.stdio[3] as { unref?: () => void } | null | undefined
    guardPipe?.unref?.()
  }

  /** Waits for the end, keeping this process alive meanwhile; false when it takes longer than `timeoutMs`. */
  async waitForEnd(timeoutMs: number): Promise<boolean> {
    const { promise: timedOut, resolve } = Promise.withResolvers<false>()
    const timer = setTimeout(() => resolve(false), timeoutMs)
    try {
      return await Promise.race([this.ended.then(() => true), timedOut])
    } finally {
      clearTimeout(timer)
    }
  }
}
