import { KafkaBackupError } from '@kafka-backup/core/internal'
import type { SeededRandom } from '../seeded-random.ts'
import type { RequestFate } from './simulated-process.ts'

/** What goes wrong, as probabilities of each request. */
export interface FaultRates {
  readonly store: number
  readonly broker: number
  /** Of an outage of the store that begins with a request. */
  readonly outage: number
}

/** What a Fetch answer suffers on its way. */
export type FetchFault = 'error_code' | 'closed' | 'corrupt' | 'short' | 'unreadable'

const FETCH_FAULTS: readonly FetchFault[] = ['error_code', 'closed', 'corrupt', 'short', 'unreadable']
const LIST_LAG_MAX_MS = 30_000
const LATE_MAX_MS = 5_000
/** The last one is longer than the program waits for a store. */
const OUTAGES_MS = [1_000, 20_000, 330_000]

/** Draws the faults of a history; `calm` ends them. */
export class FaultPlan {
  readonly #random: SeededRandom
  readonly #rates: FaultRates
  readonly #nowMs: () => number
  #outageUntilMs = 0
  #isCalm = false
  #injected = 0

  /** `nowMs`: the time of the world. */
  constructor(random: SeededRandom, rates: FaultRates, nowMs: () => number) {
    this.#random = random
    this.#nowMs = nowMs
    this.#rates = rates
  }

  /** A plan in which nothing fails. */
  static none(random: SeededRandom): FaultPlan {
    return new FaultPlan(random, { store: 0, broker: 0, outage: 0 }, () => 0)
  }

  /** Faults so far. */
  get injected(): number {
    return this.#injected
  }

  calm(): void {
    this.#isCalm = true
  }

  /** One of the ways in which a request to the store goes without its answer. */
  storeFate(what: string): RequestFate {
    if (this.#strikes(this.#rates.outage)) {
      this.#outageUntilMs = this.#nowMs() + this.#random.pick(OUTAGES_MS)
    }
    const isOut = !this.#isCalm && this.#nowMs() < this.#outageUntilMs
    if (!isOut && !this.#strikes(this.#rates.store)) return {}
    const error = new KafkaBackupError(
      'KB_STORAGE_UNAVAILABLE',
      `${what}: the simulated store does not answer`,
    )
    const effect = isOut ? 'none' : this.#random.pick(['none', 'done', 'late'] as const)
    return { error, effect, lateMs: this.#random.fraction() * LATE_MAX_MS }
  }

  /** How far a listing lags behind, in milliseconds. */
  listLagMs(): number {
    return this.#strikes(this.#rates.store * 4) ? this.#random.fraction() * LIST_LAG_MAX_MS : 0
  }

  /** A question to the cluster that is not answered. */
  brokerFate(what: string): RequestFate {
    if (!this.#strikes(this.#rates.broker)) return {}
    const code = this.#random.pick(['KB_CLUSTER_UNREACHABLE', 'KB_BROKER_TRANSIENT'] as const)
    return {
      error: new KafkaBackupError(code, `${what}: the simulated brokers do not answer`),
      effect: 'none',
    }
  }

  fetchFault(): FetchFault | null {
    return this.#strikes(this.#rates.broker) ? this.#random.pick(FETCH_FAULTS) : null
  }

  #strikes(rate: number): boolean {
    if (this.#isCalm || rate === 0 || !this.#random.chance(rate)) return false
    this.#injected++
    return true
  }
}
