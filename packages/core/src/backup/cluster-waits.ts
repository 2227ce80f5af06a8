import type { Observer } from '../events/run-event.ts'

/** A wait before brokers are asked again. Milliseconds. */
export interface ClusterWait {
  /** Partitions, or the cluster, for people. */
  readonly what: string
  readonly reason: string
  /** Failures in a row. */
  readonly attempt: number
  readonly delayMs: number
}

/** Who of a run waits for brokers that do not answer; tells of each wait, and when nobody waits any more. */
export class ClusterWaits {
  readonly #observe: Observer
  readonly #waiting = new Set<object>()

  constructor(observe: Observer) {
    this.#observe = observe
  }

  note(who: object, { what, reason, attempt, delayMs: retryInMs }: ClusterWait): void {
    this.#waiting.add(who)
    this.#observe({ type: 'retry_scheduled', what, reason, attempt })
    this.#observe({ type: 'cluster_availability', state: 'open', failures: attempt, retryInMs, reason })
  }

  /** The same after everybody who waited has given up, and waits no more. */
  noteAlone(who: object, wait: ClusterWait): void {
    this.#waiting.clear()
    this.note(who, wait)
  }

  /** It got an answer, or has nothing to ask for any more. */
  end(who: object): void {
    if (!this.#waiting.delete(who) || this.#waiting.size > 0) return
    this.#observe({ type: 'cluster_availability', state: 'closed', failures: 0, retryInMs: 0, reason: '' })
  }
}
