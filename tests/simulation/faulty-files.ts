import fs, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/** What becomes of a call to the file system: it fails, or the process dies before it, or after it. */
export type FileFaultKind = 'ENOSPC' | 'EIO' | 'dies_before' | 'dies_after'

/** The call, counted from 1, that it becomes of; Infinity: of none. */
export interface FileFault {
  readonly call: number
  readonly kind: FileFaultKind
}

type Call = (...given: unknown[]) => Promise<unknown>

const FUNCTIONS = [
  'link',
  'lstat',
  'mkdir',
  'readdir',
  'realpath',
  'rename',
  'rmdir',
  'stat',
  'unlink',
] as const
const METHODS = ['read', 'write', 'writev', 'datasync', 'sync', 'stat'] as const
const ERRNO = { ENOSPC: -28, EIO: -5 }

/** The calls of one process. Those that are under way when it dies end in the kernel, and nobody hears of it. */
export class FileCalls {
  readonly #fault: FileFault
  readonly #onDeath: () => void
  readonly #closings: (() => Promise<void>)[] = []
  #count = 0
  #pending = 0
  #isDead = false
  /** What the fault met. */
  struck: string | null = null

  constructor(fault: FileFault, onDeath: () => void) {
    this.#fault = fault
    this.#onDeath = onDeath
  }

  get count(): number {
    return this.#count
  }

  get isUnderWay(): boolean {
    return this.#pending > 0
  }

  async pass(name: string, call: () => Promise<unknown>): Promise<unknown> {
    if (this.#isDead) return new Promise(() => undefined)
    const { kind } = this.#fault
    const isStruck = ++this.#count === this.#fault.call
    if (isStruck) this.struck = name
    if (isStruck && kind === 'dies_before') return this.#die()
    if (isStruck && (kind === 'ENOSPC' || kind === 'EIO')) {
      throw Object.assign(new Error(`${kind}: planted, ${name}`), {
        code: kind,
        errno: ERRNO[kind],
        syscall: name,
      })
    }
    this.#pending++
    try {
      const result = await call()
      if (name === 'open') this.#keep(result as FileHandle)
      if (isStruck) return this.#die()
      return this.#isDead ? new Promise(() => undefined) : result
    } catch (error) {
      if (isStruck) return this.#die()
      if (this.#isDead) return new Promise(() => undefined)
      throw error
    } finally {
      this.#pending--
    }
  }

  /** Closes what the dead have left open. */
  async bury(): Promise<void> {
    for (const close of this.#closings) await close().catch(() => undefined)
  }

  /** Each handle has a function of its own for this. */
  #keep(handle: FileHandle): void {
    const close = handle.close.bind(handle)
    this.#closings.push(close)
    handle.close = watched('close', close) as FileHandle['close']
  }

  #die(): Promise<never> {
    this.#isDead = true
    this.#onDeath()
    return new Promise(() => undefined)
  }
}

let current: FileCalls | null = null

/** All calls from here on are these; null: nobody's. */
export function watchFiles(calls: FileCalls | null): void {
  current = calls
}

function watched(name: string, call: Call): Call {
  return function (this: unknown, ...given) {
    const really = () => call.apply(this, given)
    return current ? current.pass(name, really) : really()
  }
}

// Imported before the program is, which takes its functions from here when it is loaded.
const probe = await fs.open(process.execPath)
const handles = Object.getPrototypeOf(probe) as Record<string, Call>
await probe.close()
for (const name of METHODS) handles[name] = watched(name, handles[name]!)
const functions = fs as unknown as Record<string, Call>
for (const name of [...FUNCTIONS, 'open']) functions[name] = watched(name, functions[name]!)
syncBuiltinESMExports()
