import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { CircuitBreaker } from '../runtime/circuit-breaker.ts'
import type { PassingCall } from './request-gate.ts'
import type {
  CallOptions,
  ListOptions,
  ObjectEntry,
  ObjectKey,
  ObjectWriter,
  StorageBackend,
} from './storage-backend.ts'
import { judged, StoreRestingError } from './store-breaker.ts'
import { WrappedBackend } from './wrapped-backend.ts'

/**
 * Makes no call while the breaker is open. Writers whose requests pass a gate meet the breaker there. The calls of others do not
 * tell whether the store was asked, so that none of them is the try: a look at its key goes before.
 */
export class BreakerBackend extends WrappedBackend {
  readonly #breaker: CircuitBreaker

  constructor(inner: StorageBackend, breaker: CircuitBreaker) {
    super(inner)
    this.#breaker = breaker
  }

  override async openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    if (this.capabilities.hasGatedWriters) return this.inner.openWrite(key, options)
    await this.#assertAwake(key, options)
    const writer = await this.inner.openWrite(key, options)
    return {
      write: async (chunks) => {
        await this.#assertAwake(key, options)
        await this.#judged(() => writer.write(chunks), { isEvidence: false })
      },
      commit: async () => {
        await this.#assertAwake(key, options)
        await this.#judged(() => writer.commit(), { isEvidence: true })
      },
      // What is to be removed is removed in whatever state the store is: nobody comes back for it.
      abort: () => writer.abort(),
    }
  }

  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ObjectEntry> {
    const entries = this.inner.list(prefix, options)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { done, value } = await this.#judged(() => entries.next(), { isEvidence: true })
        if (done) return
        yield value
      }
    } finally {
      await entries.return?.()
    }
  }

  protected around<T>(_call: PassingCall, step: () => Promise<T>): Promise<T> {
    return this.#judged(step, { isEvidence: true })
  }

  async #assertAwake(key: ObjectKey, options: CallOptions | undefined): Promise<void> {
    if (this.#breaker.state === 'closed') return
    try {
      await this.stat(key, options)
    } catch (error) {
      if (!isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE')) throw error
      // The writer was not touched, so that its call may be made again.
      throw new StoreRestingError(this.location, this.#breaker.restMs, error)
    }
  }

  #judged<T>(step: () => Promise<T>, { isEvidence }: { readonly isEvidence: boolean }): Promise<T> {
    return judged(this.#breaker, { location: this.location, isEvidence }, step)
  }
}
