import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { type Random, systemRandom } from '../runtime/random.ts'
import { RateLimiter } from '../runtime/rate-limiter.ts'
import { backoffDelayMs, type RetryPolicy } from '../runtime/retry.ts'
import { StoreRestingError } from './breaker-backend.ts'
import { compareKeys } from './object-key.ts'
import type {
  CallOptions,
  ListOptions,
  ObjectEntry,
  ObjectKey,
  ObjectWriter,
  StorageBackend,
} from './storage-backend.ts'
import { type PassingCall, WrappedBackend } from './wrapped-backend.ts'

/** How long calls are repeated. Milliseconds. */
export interface StorageRetryPolicy extends RetryPolicy {
  /** Instead of `giveUpAfterMs` until the store has answered once: a store that never did is rather misspelt than down. */
  readonly strangerGiveUpAfterMs: number
  /** Of all calls of a backend together. */
  readonly retriesPerSec: number
  readonly burstRetries: number
}

/** The policy of the program. */
export const STORAGE_RETRY: StorageRetryPolicy = {
  firstDelayMs: 200,
  maxDelayMs: 10_000,
  // Longer than the silence after which a connection counts as dead, twice, so that a stalled call has a second one.
  giveUpAfterMs: 300_000,
  strangerGiveUpAfterMs: 10_000,
  retriesPerSec: 10,
  burstRetries: 50,
}

/** Parts of a {@link RetryingBackend} that have defaults. */
export interface RetryingOptions {
  readonly policy?: StorageRetryPolicy
  readonly clock?: Clock
  readonly random?: Random
  /** Told of every attempt that failed and is repeated. */
  readonly onRetry?: (error: unknown, attempt: number) => void
}

type Attempted = 'unsure' | 'not made'

/**
 * Repeats calls that failed because the store was not available. A call has a time, and all calls share a rate of repetitions: a
 * hundred concurrent calls do not hammer a store that is down. A put that may have been carried out is settled by its bytes.
 * Writers settle their own requests, so that their failure is final, unless the store was not asked at all.
 */
export class RetryingBackend extends WrappedBackend {
  readonly #policy: StorageRetryPolicy
  readonly #clock: Clock
  readonly #random: Random
  readonly #shared: RateLimiter
  readonly #onRetry: (error: unknown, attempt: number) => void
  #hasAnswered = false

  constructor(inner: StorageBackend, options: RetryingOptions = {}) {
    super(inner)
    this.#policy = options.policy ?? STORAGE_RETRY
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.#onRetry = options.onRetry ?? (() => undefined)
    const { retriesPerSec: unitsPerSec, burstRetries: burstUnits } = this.#policy
    this.#shared = new RateLimiter({ unitsPerSec, burstUnits }, this.#clock)
  }

  override put(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    let isUnsure = false
    return this.#repeat(options?.signal, async () => {
      try {
        await this.inner.put(key, bytes, options)
      } catch (error) {
        if (isUnsure && isKafkaBackupError(error, 'KB_OBJECT_EXISTS')) {
          if (await this.#holds(key, bytes, options)) return
        }
        isUnsure ||= isUnavailable(error) && attemptOf(error) === 'unsure'
        throw error
      }
    })
  }

  override async openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    const signal = options?.signal
    const writer = await this.around({ sentBytes: 0, signal }, () => this.inner.openWrite(key, options))
    return {
      write: (chunks) => this.#repeat(signal, () => writer.write(chunks), isNotMade),
      commit: () => this.#repeat(signal, () => writer.commit(), isNotMade),
      abort: () => writer.abort(),
    }
  }

  /** Goes on behind the last entry that was given away. */
  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ObjectEntry> {
    let entries: AsyncIterator<ObjectEntry> | undefined
    let last: ObjectEntry | undefined
    const next = async (): Promise<ObjectEntry | undefined> => {
      try {
        if (entries === undefined) {
          entries = this.inner
            .list(prefix, last === undefined ? options : { ...options, after: last.key })
            [Symbol.asyncIterator]()
          return await nextAfter(entries, last)
        }
        const { done, value } = await entries.next()
        return done ? undefined : value
      } catch (error) {
        entries = undefined
        throw error
      }
    }
    try {
      for (;;) {
        const entry = await this.#repeat(options?.signal, next)
        if (entry === undefined) return
        last = entry
        yield entry
      }
    } finally {
      await (entries as AsyncIterator<ObjectEntry> | undefined)?.return?.()
    }
  }

  protected around<T>({ signal }: PassingCall, step: () => Promise<T>): Promise<T> {
    return this.#repeat(signal, step)
  }

  /** Only whole objects of exactly these bytes are ours: whoever meant something else wrote something else. */
  async #holds(key: ObjectKey, bytes: Uint8Array, options: CallOptions | undefined): Promise<boolean> {
    try {
      const found = await this.inner.read(key, bytes.byteLength, options)
      return Buffer.compare(found, bytes) === 0
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_LIMIT_EXCEEDED')) return false
      throw error
    }
  }

  async #repeat<T>(
    signal: AbortSignal | undefined,
    step: () => Promise<T>,
    mayRepeat: (error: unknown) => boolean = isUnavailable,
  ): Promise<T> {
    const beginMs = this.#clock.monotonicMs()
    // A rest is no failure: what the call itself met says more to whoever reads it.
    let met: unknown
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      try {
        const result = await step()
        this.#hasAnswered = true
        return result
      } catch (error) {
        signal?.throwIfAborted()
        if (!isUnavailable(error)) this.#hasAnswered ||= isKafkaBackupError(error)
        if (!mayRepeat(error)) throw error
        const isResting = error instanceof StoreRestingError
        if (!isResting) met = error
        const pauseMs = backoffDelayMs(this.#policy, attempt, this.#random)
        const delayMs = isResting ? Math.max(error.retryAfterMs, 1) + pauseMs / 8 : pauseMs
        const { giveUpAfterMs, strangerGiveUpAfterMs } = this.#policy
        const limitMs = this.#hasAnswered ? giveUpAfterMs : strangerGiveUpAfterMs
        if (this.#clock.monotonicMs() - beginMs + delayMs > limitMs) throw met ?? error
        if (!isResting) this.#onRetry(error, attempt)
        await this.#clock.sleep(delayMs, signal)
        // A call that does not reach the store costs it nothing.
        if (!isResting) await this.#shared.take(1, signal)
        if (this.#clock.monotonicMs() - beginMs > limitMs) throw met ?? error
      }
    }
  }
}

function isUnavailable(error: unknown): boolean {
  return isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE')
}

function isNotMade(error: unknown): boolean {
  return attemptOf(error) === 'not made'
}

function attemptOf(error: unknown): Attempted {
  return error instanceof StoreRestingError ? 'not made' : 'unsure'
}

async function nextAfter(
  entries: AsyncIterator<ObjectEntry>,
  last: ObjectEntry | undefined,
): Promise<ObjectEntry | undefined> {
  for (;;) {
    const { done, value } = await entries.next()
    if (done) return undefined
    if (last === undefined || compareKeys(value.key, last.key) > 0) return value
  }
}
