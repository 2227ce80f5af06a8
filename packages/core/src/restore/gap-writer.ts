import { createHash } from 'node:crypto'
import type { Cluster, TopicPartition } from '../kafka/cluster.ts'
import type { ProducerIdentity } from '../kafka/producer-id-api.ts'
import type { TransactionCoordinator } from '../kafka/transaction-coordinator.ts'
import { initialise } from './take-over.ts'

/** How offsets without a record are taken: by markers that nobody's transaction wrote, or by those of empty transactions. */
export type GapMethod = 'markers' | 'transactions'

/** Makes the end of a partition grow without a record. */
export interface GapWriter {
  readonly method: GapMethod
  /** Nothing of an earlier attempt comes any more afterwards, but for requests that are on their way. */
  settle(signal: AbortSignal): Promise<void>
  /** Takes some of `count` offsets and says how many. When it throws, what of them was taken is not known. */
  append(place: TopicPartition, count: bigint, signal: AbortSignal): Promise<bigint>
  close(): void
}

/** Tried: brokers append some thousands a second. Larger requests gain nothing, and keep a request thread for longer. */
const MARKERS_MAX = 2_000n
/** Brokers give producer ids from 0 upwards. */
const MADE_UP_FIRST = 2n ** 62n

/** Markers of one producer id for the whole restore, so that brokers do not have to remember many. */
export class MarkerWriter implements GapWriter {
  readonly method = 'markers'
  readonly #cluster: Cluster
  readonly #producerId: bigint

  constructor(cluster: Cluster, restoreId: string) {
    this.#cluster = cluster
    this.#producerId =
      MADE_UP_FIRST + (createHash('sha256').update(restoreId).digest().readBigUInt64BE(0) >> 2n)
  }

  async settle(): Promise<void> {}

  async append({ topic, partition }: TopicPartition, count: bigint): Promise<bigint> {
    const most = count < MARKERS_MAX ? count : MARKERS_MAX
    const series = { topic, partition, producerId: this.#producerId, count: Number(most) }
    await this.#cluster.appendMarkers(series)
    return most
  }

  close(): void {}
}

interface Waiting {
  readonly place: TopicPartition
  readonly resolve: (taken: bigint) => void
  readonly reject: (error: unknown) => void
}

/** Transactions without records; partitions that wait at the same time share one. Each gets one marker of it. */
export class EmptyTransactions implements GapWriter {
  readonly method = 'transactions'
  readonly #coordinator: TransactionCoordinator
  #identity: ProducerIdentity | null = null
  #waiting: Waiting[] = []
  #isRunning = false

  constructor(coordinator: TransactionCoordinator) {
    this.#coordinator = coordinator
  }

  /** Aborts what an earlier attempt left open, whose marker would come at any time. */
  async settle(signal: AbortSignal): Promise<void> {
    this.#identity = await initialise(this.#coordinator, this.#identity, signal)
  }

  append(place: TopicPartition, _count: bigint, signal: AbortSignal): Promise<bigint> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ place, resolve, reject })
      if (!this.#isRunning) void this.#run(signal)
    })
  }

  close(): void {
    this.#coordinator.close()
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      const together = this.#waiting
      this.#waiting = []
      try {
        await this.#take(
          together.map(({ place }) => place),
          signal,
        )
        for (const { resolve } of together) resolve(1n)
      } catch (error) {
        for (const { reject } of together) reject(error)
      }
      // Lanes that were just woken join the next one together.
      await Promise.resolve()
    }
    this.#isRunning = false
  }

  async #take(places: readonly TopicPartition[], signal: AbortSignal): Promise<void> {
    this.#identity ??= await initialise(this.#coordinator, null, signal)
    await this.#coordinator.addPartitions(this.#identity, places, signal)
    await this.#coordinator.end(this.#identity, true, signal)
  }
}
