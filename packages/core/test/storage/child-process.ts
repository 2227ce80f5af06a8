import { execFile, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** How a child ended. */
export interface ChildOutcome {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number | null
  readonly signal: string | null
}

/** Absolute path of a script in `children/`. */
export function childScript(name: string): string {
  return fileURLToPath(new URL(`children/${name}`, import.meta.url))
}

/** True when the program is installed and runs with these arguments. */
export function canRun(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}

/** Runs a program to its end. */
export function runProgram(program: string, args: readonly string[]): Promise<ChildOutcome> {
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0', NODE_OPTIONS: '' }
  return new Promise((resolve) => {
    const child = execFile(program, [...args], { env, timeout: 20_000 }, (_error, stdout, stderr) => {
      resolve({ stdout, stderr, exitCode: child.exitCode, signal: child.signalCode })
    })
  })
}

/** Runs a child script under strace. Its one thread for files makes `when=N` of an injection count all calls. */
export function runTraced(
  options: readonly string[],
  script: string,
  args: readonly string[],
): Promise<ChildOutcome> {
  return runProgram('strace', ['-f', '-qq', ...options, process.execPath, childScript(script), ...args])
}

/** One system call in a trace. Orders count lines: a call that was begun and ended on lines 5 and 9 lasted that long. */
export interface TracedCall {
  readonly name: string
  readonly args: string
  readonly beginOrder: number
  readonly endOrder: number
}

/** Reads the output of `strace -f -y -o`, joining calls that were interrupted by those of other threads. */
export async function readTrace(path: string): Promise<TracedCall[]> {
  const calls: TracedCall[] = []
  const pending = new Map<string, { name: string; args: string; beginOrder: number }>()
  for (const [order, line] of (await readFile(path, 'utf8')).split('\n').entries()) {
    const [, thread = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const resumed = /^<\.\.\. (\w+) resumed>/.test(text)
    const [, name = '', args = ''] = /^(\w+)\((.*)$/.exec(text) ?? []
    if (resumed) {
      const begun = pending.get(thread)
      if (begun) calls.push({ ...begun, endOrder: order })
    } else if (text.endsWith('<unfinished ...>')) {
      pending.set(thread, { name, args, beginOrder: order })
    } else if (name !== '') {
      calls.push({ name, args, beginOrder: order, endOrder: order })
    }
  }
  return calls
}
