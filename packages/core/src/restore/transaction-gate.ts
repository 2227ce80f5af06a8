import type { TopicPartition } from '../kafka/cluster.ts'
import type { Clock } from '../runtime/clock.ts'
import { invariant } from '../runtime/invariant.ts'
import type { GatedLane, OnDurable, WriteGate } from './write-gate.ts'

/** The transaction that the gate keeps; a coordinator and an identity behind it. */
export interface OpenTransactions {
  addPartitions(partitions: readonly TopicPartition[]): Promise<void>
  /** Commits. Nothing of the transaction is under way when it is called. */
  commit(): Promise<void>
}

/** When a transaction is committed: whichever comes first. */
export interface TransactionBounds {
  readonly maxBytes: number
  readonly maxMs: number
}

interface Waiting {
  readonly lane: GatedLane
  readonly bytes: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * One transaction at a time over all lanes. When it is due, nothing new is admitted, what is under way is waited for, the
 * transaction is committed, and the next one begins with the next batch.
 */
export class TransactionGate implements WriteGate {
  readonly windowMax = 5
  readonly #transactions: OpenTransactions
  readonly #bounds: TransactionBounds
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #onDurable: OnDurable
  /** Lanes that are part of the open transaction. */
  readonly #joined = new Set<GatedLane>()
  /** Of these, lanes whose first batch is in the log. */
  readonly #opened = new Set<GatedLane>()
  /** The lane whose first batch is under way. */
  #opening: GatedLane | undefined
  #waiting: Waiting[] = []
  #underWay = 0
  #bytes = 0
  #number = 0
  #isCommitDue = false
  /** The step that nobody may overtake: partitions are being added, or a commit is under way. */
  #step: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #onIdle: (() => void) | undefined

  constructor(options: {
    readonly transactions: OpenTransactions
    readonly bounds: TransactionBounds
    readonly clock: Clock
    readonly signal: AbortSignal
    readonly onDurable: OnDurable
  }) {
    this.#transactions = options.transactions
    this.#bounds = options.bounds
    this.#clock = options.clock
    this.#signal = options.signal
    this.#onDurable = options.onDurable
  }

  admit(lane: GatedLane, bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ lane, bytes, resolve, reject })
      this.#advance()
    })
  }

  settled(lane: GatedLane): void {
    this.#underWay--
    invariant(this.#underWay >= 0, 'every batch that is settled was admitted')
    if (lane === this.#opening) {
      this.#opening = undefined
      this.#opened.add(lane)
    }
    if (this.#underWay === 0) this.#onIdle?.()
    this.#advance()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    for (const waiting of this.#takeWaiting()) waiting.reject(this.#failure.error)
    this.#onIdle?.()
  }

  async finish(): Promise<void> {
    while (this.#step) await this.#step
    this.#throwFailure()
    invariant(this.#waiting.length === 0, 'no lane waits when all are done')
    if (this.#joined.size > 0) await this.#commit()
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }

  #takeWaiting(): Waiting[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }

  /** Lets in whoever may come in now, or begins the step that has to come first. */
  #advance(): void {
    if (this.#failure) {
      this.fail(this.#failure.error)
      return
    }
    if (this.#step || this.#waiting.length === 0) return
    if (this.#isCommitDue) this.#begin(this.#commit())
    else if (this.#waiting.some(({ lane }) => !this.#joined.has(lane))) this.#begin(this.#join())
    else for (const waiting of this.#takeWaiting()) this.#letInOrKeep(waiting)
  }

  /**
   * The first batch of a partition in a transaction goes alone: its leader asks the coordinator whether the partition was added
   * (KIP-890), and of two such questions about one transaction at the same time the earlier one fails (tried on 4.2.1).
   */
  #letInOrKeep(waiting: Waiting): void {
    const { lane } = waiting
    if (!this.#opened.has(lane)) {
      if (this.#opening || this.#isCommitDue) {
        this.#waiting.push(waiting)
        return
      }
      this.#opening = lane
    }
    this.#letIn(waiting)
  }

  #letIn({ bytes, resolve }: Waiting): void {
    this.#underWay++
    this.#bytes += bytes
    if (this.#bytes >= this.#bounds.maxBytes) this.#isCommitDue = true
    resolve()
  }

  #begin(step: Promise<void>): void {
    this.#step = step
      .catch((error) => this.fail(error))
      .finally(() => {
        this.#step = undefined
        this.#advance()
      })
  }

  async #join(): Promise<void> {
    // Lanes that were woken together ask together.
    await Promise.resolve()
    const lanes = new Set(this.#waiting.map(({ lane }) => lane).filter((lane) => !this.#joined.has(lane)))
    await this.#transactions.addPartitions([...lanes].map(({ place }) => place))
    if (this.#joined.size === 0) this.#watchTime()
    for (const lane of lanes) this.#joined.add(lane)
  }

  /** A transaction that no lane fills, because rates are limited or the archive is slow, is committed all the same. */
  #watchTime(): void {
    const number = this.#number
    this.#clock.sleep(this.#bounds.maxMs, this.#signal).then(
      () => {
        if (this.#number !== number || this.#failure) return
        this.#isCommitDue = true
        if (!this.#step) this.#begin(this.#commit())
      },
      () => undefined,
    )
  }

  async #commit(): Promise<void> {
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
      this.#onIdle = undefined
    }
    this.#throwFailure()
    // A commit that became due twice, or whose time came when everything was committed.
    if (this.#joined.size > 0) await this.#transactions.commit()
    const lanes = [...this.#joined]
    this.#joined.clear()
    this.#opened.clear()
    this.#bytes = 0
    this.#number++
    this.#isCommitDue = false
    for (const lane of lanes) lane.onCommitted()
    this.#onDurable()
  }
}
