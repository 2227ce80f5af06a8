import { type Clock, systemClock } from './clock.ts'
import { type Random, systemRandom } from './random.ts'
import { backoffDelayMs } from './retry.ts'

/** When a breaker opens, and how long it rests before each try. Milliseconds. */
export interface BreakerPolicy {
  /** Failures in a row, without a success between them, that open it. */
  readonly failures: number
  readonly firstPauseMs: number
  readonly maxPauseMs: number
}

/** `open`: nobody asks until the pause is over; `trying`: exactly one call asks; `closed`: everybody does. */
export type BreakerState = 'closed' | 'open' | 'trying'

/** A change of the state, for people. `pauseMs` is the time until the next try, and 0 unless it is open. */
export interface BreakerChange {
  readonly state: BreakerState
  readonly pauseMs: number
  /** In a row; 0 when it is closed. */
  readonly failures: number
  /** What failed last; undefined when nothing did. */
  readonly error: unknown
}

/** Leave to ask once. Exactly one of the three is called when it is known how it went; later calls do nothing. */
export interface BreakerTicket {
  succeed(): void
  fail(error: unknown): void
  /** It says nothing about the other side, such as an abort. */
  abandon(): void
}

/** What surrounds a {@link CircuitBreaker}. */
export interface BreakerOptions {
  readonly policy: BreakerPolicy
  readonly clock?: Clock
  readonly random?: Random
  readonly onChange?: (change: BreakerChange) => void
}

/**
 * Keeps calls away from somebody who does not answer. It opens after some failures in a row, rests, lets one call through, and
 * closes when that one succeeds, or rests longer. What began before a change of state says nothing about the state after it.
 */
export class CircuitBreaker {
  readonly #policy: BreakerPolicy
  readonly #clock: Clock
  readonly #random: Random
  readonly #onChange: (change: BreakerChange) => void
  #state: BreakerState = 'closed'
  #generation = 0
  #failures = 0
  #pauses = 0
  #openUntilMs = 0

  constructor({ policy, clock, random, onChange }: BreakerOptions) {
    this.#policy = policy
    this.#clock = clock ?? systemClock
    this.#random = random ?? systemRandom
    this.#onChange = onChange ?? (() => undefined)
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Milliseconds until the next try; 0 when it is due or nothing rests. */
  get restMs(): number {
    return this.#state === 'open' ? Math.max(this.#openUntilMs - this.#clock.monotonicMs(), 0) : 0
  }

  /** A ticket, or the milliseconds after which it is worth asking for one again. */
  admit(): BreakerTicket | number {
    if (this.#state === 'closed') return this.#ticket()
    if (this.#state === 'trying') return this.#policy.firstPauseMs
    if (this.restMs > 0) return this.restMs
    this.#change('trying', 0, undefined)
    return this.#ticket()
  }

  #ticket(): BreakerTicket {
    const generation = this.#generation
    let isUsed = false
    const once = (step: () => void) => {
      const counts = !isUsed && generation === this.#generation
      isUsed = true
      if (counts) step()
    }
    return {
      succeed: () => once(() => this.#succeeded()),
      fail: (error) => once(() => this.#failed(error)),
      abandon: () => once(() => this.#abandoned()),
    }
  }

  #succeeded(): void {
    this.#failures = 0
    if (this.#state === 'closed') return
    this.#pauses = 0
    this.#change('closed', 0, undefined)
  }

  #failed(error: unknown): void {
    this.#failures++
    if (this.#state === 'closed' && this.#failures < this.#policy.failures) return
    const { firstPauseMs, maxPauseMs } = this.#policy
    const growing = { firstDelayMs: firstPauseMs, maxDelayMs: maxPauseMs, giveUpAfterMs: 0 }
    const pauseMs = backoffDelayMs(growing, ++this.#pauses, this.#random)
    this.#openUntilMs = this.#clock.monotonicMs() + pauseMs
    this.#change('open', pauseMs, error)
  }

  /** The try was given up before it could tell anything: the next caller may try at once. */
  #abandoned(): void {
    if (this.#state === 'trying') this.#change('open', 0, undefined)
  }

  #change(state: BreakerState, pauseMs: number, error: unknown): void {
    this.#state = state
    this.#generation++
    if (state === 'closed') this.#failures = 0
    this.#onChange({ state, pauseMs, failures: this.#failures, error })
  }
}
