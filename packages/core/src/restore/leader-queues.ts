import { openBrokerLink } from '../kafka/broker-connections.ts'
import type { Cluster, ClusterDescription, TopicPartition } from '../kafka/cluster.ts'
import type { ClusterSecurity } from '../kafka/security.ts'
import { ProduceQueue } from './produce-queue.ts'

/** How leaders are reached. */
export interface LeaderQueuesOptions {
  readonly cluster: Cluster
  readonly clientId: string
  readonly security?: ClusterSecurity
  readonly connectionsPerBroker: number
  readonly produceTimeoutMs: number
}

/** Finds the queue of each partition's leader, and finds it again when the leader has moved. */
export class LeaderQueues {
  readonly #options: LeaderQueuesOptions
  readonly #topics: readonly string[]
  readonly #queues = new Map<string, Promise<ProduceQueue>>()
  #description: Promise<ClusterDescription> | undefined

  constructor(options: LeaderQueuesOptions, topics: readonly string[]) {
    this.#options = options
    this.#topics = topics
  }

  /** @throws KB_BROKER_TRANSIENT without a leader, KB_CLUSTER_UNREACHABLE */
  async queueOf(target: TopicPartition): Promise<ProduceQueue> {
    this.#description ??= this.#options.cluster.describe(this.#topics)
    const description = await this.#description
    const topic = description.topics.find((entry) => entry.name === target.topic)
    const leader = topic?.partitions.find((entry) => entry.partition === target.partition)?.leader ?? -1
    const key = `${leader}/${target.partition % this.#options.connectionsPerBroker}`
    const known = this.#queues.get(key)
    if (known && (await known.catch(() => undefined))?.isOpen) return known
    // Somebody else may have opened it while we waited.
    const current = this.#queues.get(key)
    if (current && current !== known) return current
    const opening = openBrokerLink(description.brokers.get(leader), {
      clientId: this.#options.clientId,
      security: this.#options.security,
    }).then((link) => new ProduceQueue(link, this.#options.produceTimeoutMs))
    opening.catch(() => undefined)
    this.#queues.set(key, opening)
    return opening
  }

  /** Metadata is asked for again by the next `queueOf`. */
  forgetLeaders(): void {
    this.#description = undefined
  }

  async close(): Promise<void> {
    for (const opening of this.#queues.values()) {
      const queue = await opening.catch(() => undefined)
      queue?.close()
    }
  }
}
