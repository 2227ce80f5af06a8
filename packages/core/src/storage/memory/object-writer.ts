import { invariant } from '../../runtime/invariant.ts'
import type { ObjectWriter } from '../storage-backend.ts'

/** Collects copies of the chunks and hands them over as one buffer at `commit`. */
export class MemoryObjectWriter implements ObjectWriter {
  readonly #create: (bytes: Buffer) => void
  readonly #signal: AbortSignal | undefined
  #chunks: Buffer[] = []
  #state: 'open' | 'committed' | 'aborted' | 'failed' = 'open'
  #failure: unknown

  constructor(create: (bytes: Buffer) => void, signal: AbortSignal | undefined) {
    this.#create = create
    this.#signal = signal
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    this.#begin()
    for (const chunk of chunks) this.#chunks.push(Buffer.from(chunk))
  }

  async commit(): Promise<void> {
    this.#begin()
    try {
      this.#create(Buffer.concat(this.#chunks))
      this.#state = 'committed'
    } catch (error) {
      this.#state = 'failed'
      this.#failure = error
      throw error
    } finally {
      this.#chunks = []
    }
  }

  async abort(): Promise<void> {
    if (this.#state === 'open') this.#state = 'aborted'
    this.#chunks = []
  }

  #begin(): void {
    if (this.#state === 'failed') throw this.#failure
    invariant(this.#state === 'open', `the object writer is used after it was ${this.#state}`)
    this.#signal?.throwIfAborted()
  }
}
