import { Worker } from 'node:worker_threads'
import type { CachePlace, CheckpointCache } from './checkpoint-cache.ts'
import type { CacheAnswer, CacheRequest } from './offset-cache-worker.ts'
import type { OffsetChange, SeenCommit } from './offset-state.ts'

interface Pending {
  readonly resolve: (value: CacheAnswer['value']) => void
  readonly reject: (error: Error) => void
}

/**
 * It makes some garbage every few seconds, which for hours would slowly fill all that V8 allows for a young generation. What the thread keeps,
 * a row for each partition, is of the old one, which is not bounded.
 */
const YOUNG_MAX_MB = 2

type Call = CacheRequest extends infer R ? (R extends unknown ? Omit<R, 'id'> : never) : never

/**
 * A database on a thread of its own: calls of SQLite block, and a disk that is slow, or a home on a network that hangs, must not
 * hold the run. The thread begins with the first call and ends with `close`.
 */
export class OffsetCacheThread implements CheckpointCache {
  readonly place: string | null
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #nextId = 0
  #failure: Error | undefined
  readonly #warn: (text: string) => void

  /** `path` null: in memory only. */
  constructor({ path, warn }: Pick<CachePlace, 'warn'> & { readonly path: string | null }) {
    this.place = path
    this.#warn = warn
  }

  async begin(change: OffsetChange): Promise<SeenCommit | null> {
    return ((await this.#call({ kind: 'begin', change })) as SeenCommit | null | undefined) ?? null
  }

  async save(change: OffsetChange): Promise<void> {
    await this.#call({ kind: 'save', change })
  }

  async render(): Promise<Uint8Array> {
    return (await this.#call({ kind: 'render' })) as Uint8Array
  }

  async close(signal: AbortSignal): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    const isGivenUp = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    // Whatever happens now, nobody is left who would want to know.
    await Promise.race([this.#call({ kind: 'close' }).catch(() => undefined), isGivenUp])
    await Promise.race([worker.terminate(), isGivenUp])
  }

  #call(call: Call): Promise<CacheAnswer['value']> {
    if (this.#failure) return Promise.reject(this.#failure)
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#start().postMessage({ ...call, id })
    })
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    // Published packages carry JavaScript, a checkout runs TypeScript.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./offset-cache-worker.${extension}`, import.meta.url), {
      workerData: { path: this.place },
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MAX_MB },
      // Early releases of Node.js 24 call their SQLite experimental, on standard error.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    worker.on('message', ({ id, value, complaint }: CacheAnswer) => {
      if (id === undefined) {
        this.#warn(complaint ?? '')
        return
      }
      const pending = this.#pending.get(id)
      this.#pending.delete(id)
      if (complaint === undefined) pending?.resolve(value)
      else pending?.reject(new Error(complaint))
    })
    worker.on('error', (error) => this.#fail(error as Error))
    worker.on('exit', () => this.#fail(new Error('the thread of the local state ended')))
    worker.unref()
    this.#worker = worker
    return worker
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const pending of this.#pending.values()) pending.reject(this.#failure)
    this.#pending.clear()
  }
}
