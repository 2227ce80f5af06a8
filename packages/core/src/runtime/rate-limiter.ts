import type { Clock } from './clock.ts'

/** A rate, and how much of it may be used at once after a pause. */
export interface RateLimit {
  readonly unitsPerSec: number
  /** A second's worth when absent. */
  readonly burstUnits?: number
}

const ROUNDING_UNITS = 1e-6

/**
 * Holds whoever takes more units than the rate allows (a token bucket). Takers are served in their order; one that needs more than
 * the burst takes a debt, which those behind it wait for.
 */
export class RateLimiter {
  readonly #limit: Required<RateLimit>
  readonly #clock: Clock
  #available: number
  #lastMs: number
  #queue: Promise<void> = Promise.resolve()

  constructor(limit: RateLimit, clock: Clock) {
    this.#limit = { burstUnits: limit.unitsPerSec, ...limit }
    this.#clock = clock
    this.#available = this.#limit.burstUnits
    this.#lastMs = clock.monotonicMs()
  }

  /** Resolves when the units may be used. @throws the signal's reason */
  take(units: number, signal?: AbortSignal): Promise<void> {
    const turn = this.#queue.then(() => this.#wait(units, signal))
    // Who gives up does not stop those behind.
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  async #wait(units: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    const { unitsPerSec, burstUnits } = this.#limit
    const nowMs = this.#clock.monotonicMs()
    const gained = ((nowMs - this.#lastMs) / 1000) * unitsPerSec
    this.#available = Math.min(burstUnits, this.#available + gained)
    this.#lastMs = nowMs
    // What rounding leaves of a debt is none: sleeping for it would not move the clock.
    if (this.#available < -ROUNDING_UNITS) {
      await this.#clock.sleep((-this.#available / unitsPerSec) * 1000, signal)
      return this.#wait(units, signal)
    }
    this.#available -= units
  }
}
