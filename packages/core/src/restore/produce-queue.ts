import { negotiateVersion } from '../kafka/api-versions.ts'
import type { BrokerLink } from '../kafka/broker-connections.ts'
import {
  PRODUCE,
  type ProducedPartition,
  type ProduceOptions,
  type ProducePartition,
  produceBatches,
} from '../kafka/produce-api.ts'

// Five requests of one producer may be under way without losing their order (KIP-185's duplicate window is five batches).
const IN_FLIGHT_MAX = 5
// Enough to keep the broker busy; larger requests only cost memory on both sides.
const REQUEST_MAX_BYTES = 4 * 1024 * 1024

interface Waiting {
  readonly entry: ProducePartition
  readonly resolve: (produced: ProducedPartition) => void
  readonly reject: (error: unknown) => void
}

/**
 * Gathers batches of many partitions into few requests to one broker, at most one batch of a partition in each, in order.
 * A partition's batches are sent in the order in which they were queued; what comes back is for the caller to judge.
 */
export class ProduceQueue {
  readonly link: BrokerLink
  readonly #version: number
  readonly #options: ProduceOptions
  readonly #waiting: Waiting[] = []
  #inFlight = 0

  constructor(link: BrokerLink, options: ProduceOptions) {
    this.link = link
    this.#options = options
    this.#version = negotiateVersion(link.versions, PRODUCE, link.connection.broker)
  }

  get isOpen(): boolean {
    return this.link.connection.isOpen
  }

  /** Resolves with the broker's answer for the batch, an error code included. @throws KB_CLUSTER_UNREACHABLE */
  send(entry: ProducePartition): Promise<ProducedPartition> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject })
      // Lanes that were woken by the same answer queue their next batches before a request is made of them.
      if (this.#inFlight < IN_FLIGHT_MAX) queueMicrotask(() => this.#pump())
    })
  }

  close(): void {
    this.link.connection.close()
  }

  #pump(): void {
    while (this.#inFlight < IN_FLIGHT_MAX && this.#waiting.length > 0) void this.#request(this.#gather())
  }

  #gather(): Waiting[] {
    const names = new Set<string>()
    const gathered: Waiting[] = []
    let bytes = 0
    for (let at = 0; at < this.#waiting.length; ) {
      const waiting = this.#waiting[at] as Waiting
      const { topic, partition, batch } = waiting.entry
      const name = `${topic}/${partition}`
      const fits = gathered.length === 0 || bytes + batch.length <= REQUEST_MAX_BYTES
      if (names.has(name) || !fits) {
        // A later batch of a partition must not overtake one that stays behind.
        names.add(name)
        at++
        continue
      }
      names.add(name)
      gathered.push(waiting)
      bytes += batch.length
      this.#waiting.splice(at, 1)
    }
    return gathered
  }

  async #request(gathered: readonly Waiting[]): Promise<void> {
    this.#inFlight++
    try {
      const entries = gathered.map((waiting) => waiting.entry)
      const produced = await produceBatches(this.link.connection, this.#version, entries, this.#options)
      for (const waiting of gathered) settle(waiting, produced)
    } catch (error) {
      for (const waiting of gathered) waiting.reject(error)
    } finally {
      this.#inFlight--
      this.#pump()
    }
  }
}

function settle(waiting: Waiting, produced: readonly ProducedPartition[]): void {
  const { topic, partition } = waiting.entry
  const own = produced.find((entry) => entry.topic === topic && entry.partition === partition)
  if (own) waiting.resolve(own)
  else waiting.reject(new Error(`the broker did not answer for ${topic}/${partition}`))
}
