import { createHash } from 'node:crypto'
import type { BrokerAddress, TopicDescription, TopicPartition } from '@kafka-backup/core/internal'
import { PartitionLog } from './partition-log.ts'
import { SimulatedGroups } from './simulated-groups.ts'

/** A topic; its partitions' leaders are broker numbers, -1 while there is none. */
export interface SimulatedTopic {
  readonly name: string
  readonly topicId: string
  readonly isCompacted: boolean
  readonly logs: PartitionLog[]
  readonly leaders: number[]
}

const ID_BYTES = 16
const FIRST_PORT = 9_000

/** Brokers and topics: what all processes see, and what happens to it. */
export class SimulatedTopics {
  readonly clusterId = 'simulated-cluster-0001'
  readonly brokers: ReadonlyMap<number, BrokerAddress>
  /** Those that do not answer now. */
  readonly down = new Set<number>()
  readonly topics = new Map<string, SimulatedTopic>()
  /** Also those that were deleted, by id. */
  readonly everById = new Map<string, SimulatedTopic>()
  readonly groups = new SimulatedGroups()
  /** What consumers do in the moment in which somebody asks for their groups. */
  onGroupsAsked: () => void = () => undefined
  readonly #nowMs: () => number

  constructor(brokerCount: number, nowMs: () => number) {
    const addressOf = (id: number) => [id, { host: 'simulated', port: FIRST_PORT + id }] as const
    this.brokers = new Map(Array.from({ length: brokerCount }, (_, at) => addressOf(at + 1)))
    this.#nowMs = nowMs
  }

  create(name: string, partitions: number, isCompacted = false): SimulatedTopic {
    const seal = createHash('sha256').update(`${name} ${this.everById.size}`).digest()
    const topic: SimulatedTopic = {
      name,
      topicId: seal.subarray(0, ID_BYTES).toString('base64url'),
      isCompacted,
      logs: [],
      leaders: [],
    }
    this.topics.set(name, topic)
    this.everById.set(topic.topicId, topic)
    this.grow(topic, partitions)
    return topic
  }

  /** Adds partitions until there are `count`. */
  grow(topic: SimulatedTopic, count: number): void {
    while (topic.logs.length < count) {
      topic.leaders.push((topic.logs.length % this.brokers.size) + 1)
      topic.logs.push(new PartitionLog(this.#nowMs))
    }
  }

  delete(name: string): void {
    this.topics.delete(name)
    this.groups.forgetTopic(name)
  }

  logOf({ topic, partition }: TopicPartition): PartitionLog | undefined {
    return this.topics.get(topic)?.logs[partition]
  }

  /** The broker that leads the partition and answers; -1: nobody. */
  leaderOf({ topic, partition }: TopicPartition): number {
    const leader = this.topics.get(topic)?.leaders[partition] ?? -1
    return this.down.has(leader) ? -1 : leader
  }

  describe(topic: SimulatedTopic): TopicDescription {
    const { name, topicId, logs } = topic
    return {
      name,
      topicId,
      isInternal: false,
      replicationFactor: this.brokers.size,
      partitions: logs.map((log, partition) => ({
        partition,
        leader: this.leaderOf({ topic: name, partition }),
        leaderEpoch: log.leaderEpoch,
        replicas: this.brokers.size,
        inSyncReplicas: this.brokers.size,
      })),
    }
  }
}
