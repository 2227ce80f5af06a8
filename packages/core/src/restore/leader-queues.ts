import { openBrokerLink } from '../kafka/broker-connections.ts'
import type { BrokerAddress, Cluster, ClusterDescription, TopicPartition } from '../kafka/cluster.ts'
import { unreachable } from '../kafka/kafka-error.ts'
import type { ProduceOptions } from '../kafka/produce-api.ts'
import type { ClusterSecurity } from '../kafka/security.ts'
import { ProduceQueue } from './produce-queue.ts'

/** How leaders are reached. */
export interface LeaderQueuesOptions {
  readonly cluster: Cluster
  readonly clientId: string
  readonly security?: ClusterSecurity
  readonly connectionsPerBroker: number
  readonly produceTimeoutMs: number
  /** Whose open transaction the batches belong to; null: to none. */
  readonly transactionalId: string | null
}

/**
 * The queue of each partition's leader, for one attempt: a connection that broke is not replaced. Batches that were sent on it may
 * be in the log or not, and one that came by another way would get ahead of them.
 */
export class LeaderQueues {
  readonly #options: LeaderQueuesOptions
  readonly #topics: readonly string[]
  readonly #queues = new Map<string, Promise<ProduceQueue>>()
  #description: Promise<ClusterDescription> | undefined
  #isClosed = false

  constructor(options: LeaderQueuesOptions, topics: readonly string[]) {
    this.#options = options
    this.#topics = topics
  }

  /** @throws KB_BROKER_TRANSIENT without a leader, KB_CLUSTER_UNREACHABLE also when its connection has broken */
  async queueOf(target: TopicPartition): Promise<ProduceQueue> {
    this.#description ??= this.#options.cluster.describe(this.#topics)
    const description = await this.#description
    const topic = description.topics.find((entry) => entry.name === target.topic)
    const leader = topic?.partitions.find((entry) => entry.partition === target.partition)?.leader ?? -1
    const key = `${leader}/${target.partition % this.#options.connectionsPerBroker}`
    const opening = this.#queues.get(key) ?? this.#open(key, description.brokers.get(leader))
    const queue = await opening
    if (queue.isOpen) return queue
    throw unreachable(queue.link.connection.broker, 'the connection has broken')
  }

  #open(key: string, address: BrokerAddress | undefined): Promise<ProduceQueue> {
    const opening = openBrokerLink(address, {
      clientId: this.#options.clientId,
      security: this.#options.security,
    }).then((link) => {
      if (this.#isClosed) link.connection.close()
      return new ProduceQueue(link, this.#produceOptions)
    })
    opening.catch(() => undefined)
    this.#queues.set(key, opening)
    return opening
  }

  get #produceOptions(): ProduceOptions {
    const { produceTimeoutMs: timeoutMs, transactionalId } = this.#options
    return { timeoutMs, transactionalId }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const opening of this.#queues.values()) {
      const queue = await opening.catch(() => undefined)
      queue?.close()
    }
  }
}
