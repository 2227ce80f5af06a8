import { rename, rm, writeFile } from 'node:fs/promises'
import type { Observer, RunEvent, RunMetrics } from '@kafka-backup/core'

const WRITTEN_AFTER: ReadonlySet<RunEvent['type']> = new Set([
  'commit_created',
  'lag_measured',
  'store_availability',
  'cluster_availability',
] as const)

/**
 * Keeps a file of a run's figures for a collector of text files: written anew at every commit, whenever a lag was measured or somebody stops or begins
 * to answer, and at the end, and never seen half written.
 */
export class MetricsFile {
  readonly #path: string
  readonly #metrics: RunMetrics
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string, metrics: RunMetrics) {
    this.#path = path
    this.#metrics = metrics
  }

  readonly observe: Observer = (event) => {
    this.#metrics.observe(event)
    if (!WRITTEN_AFTER.has(event.type)) return
    this.#writing = this.#writing.then(() => this.#write())
    this.#writing.catch(() => undefined)
  }

  /** Takes how the run ended, for {@link close}. */
  end(isComplete: boolean, atMs: number): void {
    this.#metrics.end(isComplete, atMs)
  }

  /** Writes the last figures. Resolves with a complaint if that fails: the run itself is not affected. */
  async close(): Promise<string | undefined> {
    await this.#writing.catch(() => undefined)
    return this.#write().then(
      () => undefined,
      (error: Error) => `the metrics file ${this.#path} could not be written (${error.message})`,
    )
  }

  async #write(): Promise<void> {
    const partial = `${this.#path}.partial`
    await writeFile(partial, this.#metrics.render())
    try {
      await rename(partial, this.#path)
    } catch (error) {
      await rm(partial, { force: true })
      throw error
    }
  }
}
