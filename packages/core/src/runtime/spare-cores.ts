import { cpus } from 'node:os'
import type { Clock } from './clock.ts'

/** The kernel counts in steps of 10 ms; this many make a step unimportant. */
const SAMPLE_MIN_MS = 200

/** Idle time of all cores since the machine was started, in milliseconds. */
export type ReadIdleMs = () => number

/** How much of the machine nobody else uses, as of the last look. */
export class SpareCores {
  readonly #clock: Clock
  readonly #readIdleMs: ReadIdleMs
  #sampledAtMs: number
  #idleMs: number
  #ownMs = 0
  #spare = 0

  constructor(clock: Clock, readIdleMs: ReadIdleMs = idleOfMachineMs) {
    this.#clock = clock
    this.#readIdleMs = readIdleMs
    this.#sampledAtMs = clock.monotonicMs()
    this.#idleMs = readIdleMs()
  }

  /**
   * Cores that were idle, or at work for the one who asks, whose CPU time in milliseconds up to now is `ownMs`: an average since
   * the last look. 0 until there is one. In a container it is the whole machine that is looked at.
   */
  count(ownMs: number): number {
    const nowMs = this.#clock.monotonicMs()
    const elapsedMs = nowMs - this.#sampledAtMs
    if (elapsedMs < SAMPLE_MIN_MS) return this.#spare
    const idleMs = this.#readIdleMs()
    this.#spare = (idleMs - this.#idleMs + ownMs - this.#ownMs) / elapsedMs
    this.#sampledAtMs = nowMs
    this.#idleMs = idleMs
    this.#ownMs = ownMs
    return this.#spare
  }
}

function idleOfMachineMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.idle, 0)
}
