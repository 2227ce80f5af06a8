import { type Clock, systemClock } from '../../runtime/clock.ts'
import { type Random, systemRandom } from '../../runtime/random.ts'

// Kafka's own clients renew after 85 to 95 %; a little earlier leaves time for a token endpoint that is slow.
const EARLIEST_SHARE = 0.75
const LATEST_SHARE = 0.85
// Brokers count a second renewal within one second as no renewal (KIP-368).
const LEAST_MS = 1_100

/** When the session of one connection has to be renewed. Drawn, so that connections of one age do not renew at once. */
export class SessionRenewal {
  readonly #clock: Clock
  readonly #random: Random
  #dueMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock = systemClock, random: Random = systemRandom) {
    this.#clock = clock
    this.#random = random
  }

  /** A session of that many milliseconds begins now; 0 has no end. */
  began(lifetimeMs: number): void {
    const share = EARLIEST_SHARE + (LATEST_SHARE - EARLIEST_SHARE) * this.#random.fraction()
    this.#dueMs =
      lifetimeMs === 0
        ? Number.POSITIVE_INFINITY
        : this.#clock.monotonicMs() + Math.max(LEAST_MS, lifetimeMs * share)
  }

  get isDue(): boolean {
    return this.#clock.monotonicMs() >= this.#dueMs
  }
}
