import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { openBrokerLink } from '../kafka/broker-connections.ts'
import { type ClusterDescription, partitionName } from '../kafka/cluster.ts'
import { backoffDelayMs } from '../runtime/retry.ts'
import { isOfStop } from '../runtime/stopped.ts'
import { describedPartition } from './described-partition.ts'
import { FetchLoop, type LostPartition } from './fetch-loop.ts'
import { backToLeader, goOnAfterLoss } from './lost-partition.ts'
import { blameTransactions } from './open-transactions.ts'
import type { PartitionWriter } from './partition-writer.ts'
import { LEADER_ONLY, type SharedReading, TROUBLE } from './shared-reading.ts'

/** Reads one group of partitions; when their ways part, groups of their own go on through `follow`. */
export class BrokerFollower {
  readonly #shared: SharedReading
  #attempt = 0
  #lastProgressMs: number

  constructor(shared: SharedReading) {
    this.#shared = shared
    this.#lastProgressMs = shared.clock.monotonicMs()
  }

  async run(group: readonly PartitionWriter[]): Promise<void> {
    const { signal } = this.#shared
    let unfinished = group.filter((writer) => !writer.isDone)
    while (unfinished.length > 0 && !signal.aborted) {
      const handedOver = await this.#attemptOnce(unfinished)
      unfinished = unfinished.filter((writer) => !writer.isDone && !handedOver.has(writer))
    }
    // Others go on with what it handed over; after a failure nothing has answered.
    this.#shared.waits.end(this)
  }

  /** Reads until the brokers part or something fails; returns the writers that other groups go on with. */
  async #attemptOnce(writers: readonly PartitionWriter[]): Promise<Set<PartitionWriter>> {
    const handedOver = new Set<PartitionWriter>()
    try {
      const topics = [...new Set(writers.map((writer) => writer.plan.topic))]
      const survey = await this.#shared.cluster.survey(topics)
      const lost = writers.flatMap((writer) => lostBy(survey, writer))
      if (lost.length > 0) this.#handOver(lost, handedOver)
      const staying = writers.filter((writer) => !handedOver.has(writer))
      const groups = this.#groupsByBroker(survey, staying)
      if (groups.size === 1) await this.#readFromBroker(survey, staying, handedOver)
      else {
        for (const writer of staying) handedOver.add(writer)
        for (const members of groups.values()) this.#shared.follow(members)
      }
    } catch (error) {
      await this.#waitAfter(error, writers)
    }
    return handedOver
  }

  async #readFromBroker(
    description: ClusterDescription,
    writers: readonly PartitionWriter[],
    handedOver: Set<PartitionWriter>,
  ): Promise<void> {
    const { signal, clientId, security, buffers, openLink = openBrokerLink } = this.#shared
    const [first] = writers
    if (!first) return
    const broker = this.#brokerOf(description, first)
    const leader = describedPartition(description, first.plan).partition?.leader ?? -1
    const isLeaderOnly = this.#replicaOf(first) === LEADER_ONLY
    const epochOf = ({ plan }: PartitionWriter) =>
      describedPartition(description, plan).partition?.leaderEpoch
    // Every request asks for them: looked up once for a connection.
    const leaderEpochs = new Map(writers.map((writer) => [writer, epochOf(writer) ?? -1]))
    const options = { clientId, buffers, signal, ...(security ? { security } : {}) }
    const link = await openLink(description.brokers.get(broker), options)
    const close = () => link.connection.close()
    signal.addEventListener('abort', close, { once: true })
    try {
      const loop = new FetchLoop({
        ...this.#shared,
        link,
        writers,
        rackId: isLeaderOnly ? '' : this.#shared.rackId,
        isReplica: broker !== leader,
        leaderEpochs,
        onPartitionsLost: (lost) => this.#handOver(lost, handedOver),
        onBlocked: (writer, isOver) => this.#blame(writer, isOver),
        onProgress: () => this.#noteProgress(),
      })
      await loop.run()
    } catch (error) {
      if (!isOfStop(error, signal)) throw error
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
  }

  /** One connection carries the partitions of one broker and one lane, so the load of a broker is spread. */
  #groupsByBroker(
    description: ClusterDescription,
    writers: readonly PartitionWriter[],
  ): Map<string, PartitionWriter[]> {
    return Map.groupBy(writers, (writer) => {
      const isLeaderOnly = this.#replicaOf(writer) === LEADER_ONLY
      return `${this.#brokerOf(description, writer)}/${isLeaderOnly}/${this.#shared.laneOf(writer)}`
    })
  }

  /** The nearer replica while it counts, the leader otherwise; -1 while there is none. */
  #brokerOf(description: ClusterDescription, writer: PartitionWriter): number {
    const replica = this.#replicaOf(writer) ?? LEADER_ONLY
    if (replica !== LEADER_ONLY && description.brokers.has(replica)) return replica
    return describedPartition(description, writer.plan).partition?.leader ?? -1
  }

  #replicaOf(writer: PartitionWriter): number | undefined {
    const { replicas, clock } = this.#shared
    const replica = replicas.get(writer)
    if (!replica || replica.untilMs > clock.monotonicMs()) return replica?.broker
    replicas.delete(writer)
    return undefined
  }

  #handOver(lost: readonly LostPartition[], handedOver: Set<PartitionWriter>): void {
    for (const { writer } of lost) handedOver.add(writer)
    this.#shared.begin(() => goOnAfterLoss(this.#shared, lost))
  }

  #blame(writer: PartitionWriter, isOver: boolean): void {
    this.#shared.begin(() => blameTransactions(this.#shared, writer, isOver))
  }

  #noteProgress(): void {
    this.#attempt = 0
    this.#shared.waits.end(this)
    this.#lastProgressMs = this.#shared.clock.monotonicMs()
    this.#shared.onProgress()
  }

  async #waitAfter(error: unknown, writers: readonly PartitionWriter[]): Promise<void> {
    const { clock, random, signal, waits } = this.#shared
    if (signal.aborted) return
    // A replica that fails is not insisted on: the leader has everything.
    for (const writer of writers) backToLeader(this.#shared, writer)
    const idleMs = clock.monotonicMs() - this.#lastProgressMs
    const isRetryable = isKafkaBackupError(error) && error.category === 'cluster' && error.retryable
    if (!isRetryable || idleMs > TROUBLE.giveUpAfterMs) throw error
    this.#attempt++
    const delayMs = backoffDelayMs(TROUBLE, this.#attempt, random)
    const wait = { what: describeGroup(writers), reason: error.message, attempt: this.#attempt, delayMs }
    waits.note(this, wait)
    await clock.sleep(delayMs, signal).catch(() => undefined)
  }
}

/** Partitions that metadata alone shows to be gone, or to be others than they were. */
function lostBy(
  survey: Awaited<ReturnType<SharedReading['cluster']['survey']>>,
  writer: PartitionWriter,
): LostPartition[] {
  const { plan } = writer
  const { partition, isOtherTopic } = describedPartition(survey, plan)
  if (partition && partition.leader >= 0 && !isOtherTopic) return []
  const message = partition
    ? isOtherTopic
      ? `${plan.topic} is another topic than before`
      : `${partitionName(plan)} has no leader`
    : `${partitionName(plan)} is not there`
  const error = new KafkaBackupError('KB_BROKER_TRANSIENT', message, {
    context: { topic: plan.topic, partition: plan.partition },
  })
  return [{ writer, symptom: { kind: 'gone', error } }]
}

function describeGroup(writers: readonly PartitionWriter[]): string {
  const [first] = writers
  if (!first) return 'no partition'
  return writers.length === 1
    ? partitionName(first.plan)
    : `${partitionName(first.plan)} and ${writers.length - 1} more`
}
