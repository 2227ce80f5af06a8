import type { CircuitBreaker } from '../runtime/circuit-breaker.ts'
import type { RateLimiter } from '../runtime/rate-limiter.ts'
import type { PassingCall, RequestGate } from './request-gate.ts'
import { judged, StoreRestingError } from './store-breaker.ts'
import type { StoreRetry } from './store-retry.ts'

/** What a {@link ResilientGate} shares with the layers that calls pass. */
export interface ResilientGateParts {
  readonly retry: StoreRetry
  /** Bytes in both directions; undefined: no limit. */
  readonly limiter: RateLimiter | undefined
  readonly breaker: CircuitBreaker
  /** Known only when the backend is open, which needs the gate before. */
  readonly location: () => string
}

/** The layers once more, in the same order and with the same counts, for the steps of an upload. */
export class ResilientGate implements RequestGate {
  readonly #parts: ResilientGateParts

  constructor(parts: ResilientGateParts) {
    this.#parts = parts
  }

  pass<T>({ sentBytes, signal }: PassingCall, step: () => Promise<T>): Promise<T> {
    const { retry, limiter, breaker, location } = this.#parts
    return retry.repeat(signal, async () => {
      // Bytes of a step that will not be made are not taken: a part is large, and others could have sent them.
      if (breaker.restMs > 0) throw new StoreRestingError(location(), breaker.restMs)
      if (limiter && sentBytes > 0) await limiter.take(sentBytes, signal)
      return judged(breaker, { location: location(), isEvidence: true }, step)
    })
  }
}
