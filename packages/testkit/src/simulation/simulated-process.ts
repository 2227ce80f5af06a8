import type { Clock, Random } from '@kafka-backup/core/internal'
import type { SeededRandom } from '../seeded-random.ts'
import type { PlannedEvent, SimulatedWorld } from './world.ts'

/** Where in a request a process dies: before its effect, after it, or while it is under way and arrives all the same. */
export type CrashMoment = 'before' | 'after' | 'late'

/** The request, counted from 1, at which a process dies. */
export interface CrashPoint {
  readonly edge: number
  readonly moment: CrashMoment
}

const MOMENTS: readonly CrashMoment[] = ['before', 'after', 'late']

/** Among the first requests more often than among those that only long tasks have. */
export function drawCrashPoint(random: SeededRandom): CrashPoint {
  return { edge: 1 + random.below(random.pick([20, 80, 300])), moment: random.pick(MOMENTS) }
}

/** How a single request fares. Times in milliseconds. */
export interface RequestFate {
  /** The answer is this error; the effect has been, has not been, or is still to come. */
  readonly error?: Error
  readonly effect?: 'none' | 'done' | 'late'
  readonly lateMs?: number
}

const LATENCY_MAX_MS = 8
const LATE_MAX_MS = 20_000

/**
 * One process of the program. Everything that it asks of the world outside is an edge, and each edge a point at which it can
 * die: then nothing that it waits for comes any more, and only what it asked for before can still take effect.
 */
export class SimulatedProcess {
  readonly world: SimulatedWorld
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly #seeded: SeededRandom
  readonly #crashPoint: CrashPoint | null
  readonly #deferred: (() => void)[] = []
  readonly #onEdge: ((what: string) => void) | undefined
  #isPaused = false
  #isDead = false
  #edges = 0
  #crashedAt: string | null = null

  constructor(
    world: SimulatedWorld,
    options: {
      readonly name: string
      readonly random: SeededRandom
      readonly crashPoint?: CrashPoint | null
      readonly onEdge?: (what: string) => void
    },
  ) {
    this.world = world
    this.name = options.name
    this.#seeded = options.random
    this.#crashPoint = options.crashPoint ?? null
    this.#onEdge = options.onEdge
    this.random = {
      hex: (bytes) => this.#seeded.bytes(bytes).toString('hex'),
      fraction: () => this.#seeded.fraction(),
    }
    this.clock = {
      nowMs: () => world.nowMs,
      monotonicMs: () => world.elapsedMs,
      sleep: (durationMs, signal) => this.#sleep(durationMs, signal),
    }
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** Requests so far. */
  get edges(): number {
    return this.#edges
  }

  /** The request at which it died; null while it lives. */
  get crashedAt(): string | null {
    return this.#crashedAt
  }

  crash(at = 'by itself'): void {
    this.#isDead = true
    this.#crashedAt ??= at
    this.#deferred.length = 0
  }

  /** Answers and alarms wait until {@link resume}; what is under way goes on. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    for (const action of this.#deferred.splice(0)) this.deliver(action)
  }

  /** Lets the process notice something now, or when it is awake again; the dead notice nothing. */
  deliver(action: () => void): void {
    if (this.#isDead) return
    if (this.#isPaused) this.#deferred.push(action)
    else action()
  }

  /** One request: its effect happens in the world, then its answer reaches the process. */
  perform<T>(what: string, effect: () => T, fate: RequestFate = {}, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isDead) return
      if (signal?.aborted) return reject(signal.reason)
      this.#edges++
      this.#onEdge?.(what)
      const moment = this.#crashPoint?.edge === this.#edges ? this.#crashPoint.moment : null
      const abandon = () => reject(signal?.reason)
      signal?.addEventListener('abort', abandon, { once: true })
      const answer = (give: () => void) =>
        this.world.after(this.#latencyMs(), () =>
          this.deliver(() => {
            signal?.removeEventListener('abort', abandon)
            give()
          }),
        )
      this.world.after(this.#latencyMs(), () => {
        if (moment === 'before') return this.crash(`before ${what}`)
        if (moment === 'late') {
          this.crash(`while ${what} is under way`)
          this.#later(effect, this.#seeded.fraction() * LATE_MAX_MS)
          return
        }
        // What a dead process sent arrives, or does not.
        if (this.#isDead && this.#seeded.chance(0.5)) return
        const outcome = this.#outcomeOf(effect, fate)
        if (moment === 'after') return this.crash(`after ${what}`)
        answer(() => ('error' in outcome ? reject(outcome.error) : resolve(outcome.value)))
      })
    })
  }

  #outcomeOf<T>(effect: () => T, fate: RequestFate): { readonly value: T } | { readonly error: unknown } {
    if (fate.error && fate.effect !== 'done') {
      if (fate.effect === 'late') this.#later(effect, fate.lateMs ?? 0)
      return { error: fate.error }
    }
    try {
      const value = effect()
      return fate.error ? { error: fate.error } : { value }
    } catch (error) {
      return { error: fate.error ?? error }
    }
  }

  #later(effect: () => unknown, delayMs: number): void {
    this.world.after(delayMs, () => {
      try {
        effect()
      } catch {
        // Nobody waits for the answer any more.
      }
    })
  }

  #sleep(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isDead) return
      if (signal?.aborted) return reject(signal.reason)
      let event: PlannedEvent
      const abandon = () => {
        event.isCancelled = true
        reject(signal?.reason)
      }
      event = this.world.after(durationMs, () =>
        this.deliver(() => {
          signal?.removeEventListener('abort', abandon)
          resolve()
        }),
      )
      signal?.addEventListener('abort', abandon, { once: true })
    })
  }

  #latencyMs(): number {
    return 0.1 + this.#seeded.fraction() * LATENCY_MAX_MS
  }
}
