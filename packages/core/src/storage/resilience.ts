import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import { type BreakerChange, type BreakerPolicy, CircuitBreaker } from '../runtime/circuit-breaker.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { LIMITS } from '../runtime/limits.ts'
import { type Random, systemRandom } from '../runtime/random.ts'
import { RateLimiter } from '../runtime/rate-limiter.ts'
import { startStopGrace } from '../runtime/stop-grace.ts'
import { type BackendFactory, openLocation } from './backend-registry.ts'
import { BreakerBackend } from './breaker-backend.ts'
import { LeavingBackend } from './leaving-backend.ts'
import { MeteredBackend, type StorageUsage } from './metered-backend.ts'
import type { RequestHooks } from './request-gate.ts'
import { ResilientGate } from './resilient-gate.ts'
import { RetryingBackend } from './retrying-backend.ts'
import type { StorageBackend } from './storage-backend.ts'
import type { StorageCredentials } from './storage-credentials.ts'
import { RequestCounter } from './storage-request.ts'
import { STORAGE_RETRY, type StorageRetryPolicy, StoreRetry } from './store-retry.ts'
import { ThrottledBackend } from './throttled-backend.ts'

/** A store as the verbs use it, and what it has been asked for so far. */
export interface ResilientStorage {
  readonly storage: StorageBackend
  usage(): StorageUsage
}

/** The same, for a location. */
export interface OpenedStore extends ResilientStorage {
  /** Another location of that store, in the same way; its requests are counted with those of the first. @throws KB_LOCATION_INVALID */
  beside(location: string): StorageBackend
}

/** How a store is protected, and protected from. */
export interface ResilienceOptions {
  /** What counts the requests; absent: one of its own. */
  readonly requests?: RequestCounter
  /** Read and written together; undefined: no limit. */
  readonly rateLimitBytesPerSec?: number | undefined
  readonly observe?: Observer
  /** Of the run. Calls that do not carry it are broken off when the store is silent after it. */
  readonly stop?: AbortSignal
  /** How long what carries no signal may take after the stop, in milliseconds; absent: as long as the store answers. */
  readonly stopLimitMs?: number | undefined
  readonly clock?: Clock
  readonly random?: Random
  readonly retry?: StorageRetryPolicy
  readonly breaker?: BreakerPolicy
}

/** The policy of the program: five failures in a row, then 1 s, 2 s, … up to 30 s. */
export const STORAGE_BREAKER: BreakerPolicy = { failures: 5, firstPauseMs: 1_000, maxPauseMs: 30_000 }

/** Opens a location with every layer in front of it; see {@link withResilience}. @throws KB_LOCATION_INVALID */
export function openResilient(
  location: string,
  factories: ReadonlyMap<string, BackendFactory>,
  credentials: StorageCredentials,
  options: ResilienceOptions = {},
): OpenedStore {
  const requests = new RequestCounter()
  const open = (place: string) =>
    withResilience((hooks) => openLocation(place, factories, credentials, hooks), { requests, ...options })
  return { ...open(location), beside: (other) => open(other).storage }
}

/**
 * The layers, from the store outwards, each where it is for a reason:
 * - the meter sees only what the store really sees, repetitions included;
 * - the breaker decides about every single attempt, so that attempts which it stops are not metered;
 * - the throttle is outside of it: whoever waits for bytes must not hold the one try of a breaker;
 * - the retry is outermost: it waits for the breaker as it waits for the store, and repeated bytes are throttled too.
 * The steps of uploads, which are no calls, meet the same three at a gate that the backend is opened with.
 */
export function withResilience(
  open: (hooks: RequestHooks) => StorageBackend,
  options: ResilienceOptions = {},
): ResilientStorage {
  const { rateLimitBytesPerSec: unitsPerSec, observe } = options
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const requests = options.requests ?? new RequestCounter()
  const limiter = unitsPerSec === undefined ? undefined : new RateLimiter({ unitsPerSec }, clock)
  const retry = new StoreRetry({ policy: options.retry ?? STORAGE_RETRY, clock, random })
  const breaker = new CircuitBreaker({
    policy: options.breaker ?? STORAGE_BREAKER,
    clock,
    random,
    onChange: (change) => report(observe, backend.location, change),
  })
  const gate = new ResilientGate({ retry, limiter, breaker, location: () => backend.location })
  const onLeft = (what: string) => observe?.({ type: 'left_behind', location: backend.location, what })
  const backend = open({ onRequest: requests.onRequest, gate, onLeft })
  const metered = new MeteredBackend(backend, requests)
  const guarded = new BreakerBackend(metered, breaker)
  const throttled = limiter === undefined ? guarded : new ThrottledBackend(guarded, limiter)
  const retrying = new RetryingBackend(throttled, retry)
  return { storage: leavingAfter(options, retrying, retry, clock), usage: () => metered.usage }
}

function leavingAfter(
  { stop, stopLimitMs: limitMs }: ResilienceOptions,
  storage: StorageBackend,
  retry: StoreRetry,
  clock: Clock,
): StorageBackend {
  if (stop === undefined) return storage
  const { location } = storage
  const answeredAtMs = () => retry.answeredAtMs
  const grace = { stop, graceMs: LIMITS.stoppedSilenceMaxMs, limitMs, clock, location, answeredAtMs }
  return new LeavingBackend(storage, startStopGrace(grace))
}

function report(observe: Observer | undefined, location: string, change: BreakerChange): void {
  const { state, pauseMs, failures, error } = change
  const reason = isKafkaBackupError(error) ? error.message : ''
  observe?.({ type: 'store_availability', location, state, failures, retryInMs: pauseMs, reason })
}
