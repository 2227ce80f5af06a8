import { openBrokerLink } from '../kafka/broker-connections.ts'
import type { Cluster, ClusterDescription, TopicPartition } from '../kafka/cluster.ts'
import { ProduceQueue } from './produce-queue.ts'

/** Finds the queue of each partition's leader, and finds it again when the leader has moved. */
export class LeaderQueues {
  readonly #cluster: Cluster
  readonly #clientId: string
  readonly #topics: readonly string[]
  readonly #connectionsPerBroker: number
  readonly #queues = new Map<string, Promise<ProduceQueue>>()
  #description: Promise<ClusterDescription> | undefined

  constructor(cluster: Cluster, clientId: string, topics: readonly string[], connectionsPerBroker: number) {
    this.#cluster = cluster
    this.#clientId = clientId
    this.#topics = topics
    this.#connectionsPerBroker = connectionsPerBroker
  }

  /** @throws KB_BROKER_TRANSIENT without a leader, KB_CLUSTER_UNREACHABLE */
  async queueOf(target: TopicPartition): Promise<ProduceQueue> {
    this.#description ??= this.#cluster.describe(this.#topics)
    const description = await this.#description
    const topic = description.topics.find((entry) => entry.name === target.topic)
    const leader = topic?.partitions.find((entry) => entry.partition === target.partition)?.leader ?? -1
    const key = `${leader}/${target.partition % this.#connectionsPerBroker}`
    const known = this.#queues.get(key)
    if (known && (await known.catch(() => undefined))?.isOpen) return known
    // Somebody else may have opened it while we waited.
    const current = this.#queues.get(key)
    if (current && current !== known) return current
    const opening = openBrokerLink(description.brokers.get(leader), { clientId: this.#clientId }).then(
      (link) => new ProduceQueue(link),
    )
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
