import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { CircuitBreaker } from '../runtime/circuit-breaker.ts'
import type {
  CallOptions,
  ListOptions,
  ObjectEntry,
  ObjectKey,
  ObjectWriter,
  StorageBackend,
} from './storage-backend.ts'
import { type PassingCall, WrappedBackend } from './wrapped-backend.ts'

/**
 * KB_STORAGE_UNAVAILABLE of a call that was not made: the store did not answer others, and is left alone for a while. Whatever the
 * call was, it may be made again.
 */
export class StoreRestingError extends KafkaBackupError {
  /** When it is worth asking again, in milliseconds from now. */
  readonly retryAfterMs: number

  constructor(location: string, retryAfterMs: number, cause?: unknown) {
    const seconds = Math.ceil(retryAfterMs / 1000)
    super('KB_STORAGE_UNAVAILABLE', `${location} does not answer; it is asked again in ${seconds} s`, {
      cause,
    })
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * Makes no call while the breaker is open. Only "the store is not available" is a failure; every other error is an answer.
 * A writer's calls do not tell whether the store was asked, so that none of them is the try: a look at its key goes before.
 */
export class BreakerBackend extends WrappedBackend {
  readonly #breaker: CircuitBreaker

  constructor(inner: StorageBackend, breaker: CircuitBreaker) {
    super(inner)
    this.#breaker = breaker
  }

  override async openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
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

  async #judged<T>(step: () => Promise<T>, { isEvidence }: { readonly isEvidence: boolean }): Promise<T> {
    const ticket = this.#breaker.admit()
    if (typeof ticket === 'number') throw new StoreRestingError(this.location, ticket)
    try {
      const result = await step()
      if (isEvidence) ticket.succeed()
      return result
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE')) ticket.fail(error)
      else if (isKafkaBackupError(error) && error.category !== 'interrupted') ticket.succeed()
      throw error
    } finally {
      // Does nothing when it is settled already.
      ticket.abandon()
    }
  }
}
