import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { type Random, systemRandom } from '../runtime/random.ts'
import { RateLimiter } from '../runtime/rate-limiter.ts'
import { backoffDelayMs, type RetryPolicy } from '../runtime/retry.ts'
import { isOfStop } from '../runtime/stopped.ts'
import type { PassingCall, RequestGate } from './request-gate.ts'
import { StoreRestingError } from './store-breaker.ts'

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

/** Parts of a {@link StoreRetry} that have defaults. */
export interface StoreRetryOptions {
  readonly policy?: StorageRetryPolicy
  readonly clock?: Clock
  readonly random?: Random
}

/**
 * The one way in which requests to a store are repeated, whoever makes them: each has a time, and all of them share a rate of
 * repetitions, so that a hundred at a time do not hammer a store that is down.
 */
export class StoreRetry implements RequestGate {
  readonly #policy: StorageRetryPolicy
  readonly #clock: Clock
  readonly #random: Random
  readonly #shared: RateLimiter
  #answeredAtMs: number | undefined

  constructor({ policy, clock, random }: StoreRetryOptions = {}) {
    this.#policy = policy ?? STORAGE_RETRY
    this.#clock = clock ?? systemClock
    this.#random = random ?? systemRandom
    const { retriesPerSec: unitsPerSec, burstRetries: burstUnits } = this.#policy
    this.#shared = new RateLimiter({ unitsPerSec, burstUnits }, this.#clock)
  }

  /** When the store last answered anything, in monotonic milliseconds; undefined: it never did. */
  get answeredAtMs(): number | undefined {
    return this.#answeredAtMs
  }

  pass<T>({ signal }: PassingCall, step: () => Promise<T>): Promise<T> {
    return this.repeat(signal, step)
  }

  /** Runs a step again while it fails with an error that may be repeated. @throws the last failure that the store had a part in */
  async repeat<T>(
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
        this.#noteAnswer()
        return result
      } catch (error) {
        if (signal && isOfStop(error, signal)) throw signal.reason
        if (isKafkaBackupError(error) && !isUnavailable(error)) this.#noteAnswer()
        if (!mayRepeat(error)) throw error
        const isResting = error instanceof StoreRestingError
        if (!isResting) met = error
        const pauseMs = backoffDelayMs(this.#policy, attempt, this.#random)
        const delayMs = isResting ? Math.max(error.retryAfterMs, 1) + pauseMs / 8 : pauseMs
        if (this.#clock.monotonicMs() - beginMs + delayMs > this.#limitMs) throw met ?? error
        await this.#clock.sleep(delayMs, signal)
        // A call that does not reach the store costs it nothing.
        if (!isResting) await this.#shared.take(1, signal)
        if (this.#clock.monotonicMs() - beginMs > this.#limitMs) throw met ?? error
      }
    }
  }

  get #limitMs(): number {
    const { giveUpAfterMs, strangerGiveUpAfterMs } = this.#policy
    return this.#answeredAtMs === undefined ? strangerGiveUpAfterMs : giveUpAfterMs
  }

  #noteAnswer(): void {
    this.#answeredAtMs = this.#clock.monotonicMs()
  }
}

/** True for "the store was not available", whether or not it was asked. */
export function isUnavailable(error: unknown): boolean {
  return isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE')
}

/** True for a call that the breaker stopped: nobody was asked, so that whatever it was may be made again. */
export function isNotMade(error: unknown): boolean {
  return error instanceof StoreRestingError
}
