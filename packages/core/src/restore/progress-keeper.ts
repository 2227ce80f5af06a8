import { partitionName } from '../kafka/cluster.ts'
import type { RestoreLedger } from '../repository/restore-ledger.ts'
import type { Clock } from '../runtime/clock.ts'
import type { WriteLane } from './write-lane.ts'

/** Runs of the offset map that wait for the ledger; compacted topics have many. */
const RUNS_MAX = 100_000

/**
 * Writes into the ledger what is in the target for good: positions and offset map. A moment's state is taken at once; the
 * entry is appended while the writing goes on.
 */
export class ProgressKeeper {
  readonly #ledger: RestoreLedger
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #intervalMs: number
  readonly #onFailure: (error: unknown) => void
  readonly #lanes = new Set<WriteLane>()
  readonly #written = new Map<string, bigint>()
  #appending: Promise<void> = Promise.resolve()
  #isAppending = false
  #lastMs: number

  constructor(options: {
    readonly ledger: RestoreLedger
    readonly clock: Clock
    readonly signal: AbortSignal
    /** What was written for longer may have to be found out again from the target's log after a crash. */
    readonly intervalMs: number
    readonly onFailure: (error: unknown) => void
  }) {
    this.#ledger = options.ledger
    this.#clock = options.clock
    this.#signal = options.signal
    this.#intervalMs = options.intervalMs
    this.#onFailure = options.onFailure
    this.#lastMs = options.clock.monotonicMs()
  }

  /** From now on the lane's progress is kept; what it adopted is in it. */
  add(lane: WriteLane, knownPosition: bigint): void {
    this.#lanes.add(lane)
    this.#written.set(partitionName(lane.place), knownPosition)
  }

  /** What every lane has confirmed is there for good at this moment. */
  onDurable(): void {
    if (this.#isAppending) return
    const isDue = this.#clock.monotonicMs() - this.#lastMs >= this.#intervalMs
    if (isDue || this.#runCount() >= RUNS_MAX) this.#append()
  }

  /** Writes what is left. @throws what the ledger throws */
  async finish(): Promise<void> {
    await this.#appending
    this.#append()
    await this.#appending
  }

  #runCount(): number {
    let count = 0
    for (const lane of this.#lanes) count += lane.runCount
    return count
  }

  #append(): void {
    const partitions = this.#take()
    this.#lastMs = this.#clock.monotonicMs()
    if (partitions.length === 0) return
    this.#isAppending = true
    this.#appending = this.#ledger.append({ type: 'progress', partitions }, this.#signal).finally(() => {
      this.#isAppending = false
    })
    this.#appending.catch(this.#onFailure)
  }

  #take() {
    const moved = [...this.#lanes].filter(
      (lane) => this.#written.get(partitionName(lane.place)) !== lane.position,
    )
    return moved.map((lane) => {
      const { place, position, nextOffset } = lane
      this.#written.set(partitionName(place), position)
      return { ...place, position, nextOffset, runs: lane.takeRuns() }
    })
  }
}
