import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import { openBrokerLink } from '../kafka/broker-connections.ts'
import { type Cluster, type ClusterDescription, partitionName } from '../kafka/cluster.ts'
import { ResponseBuffers } from '../kafka/response-buffers.ts'
import type { Clock } from '../runtime/clock.ts'
import { backoffDelayMs, type RetryPolicy } from '../runtime/retry.ts'
import { settleAll } from '../runtime/settle-all.ts'
import { FetchLoop } from './fetch-loop.ts'
import type { PartitionWriter } from './partition-writer.ts'

/** How partitions are read. Sizes in bytes, times in milliseconds. */
export interface ReadingOptions {
  readonly cluster: Cluster
  readonly clientId: string
  readonly fetchMaxBytes: number
  readonly fetchMaxWaitMs: number
  readonly connectionsPerBroker: number
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly observe: Observer
  readonly onProgress: () => void
}

const RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 2_000, giveUpAfterMs: 120_000 }
// A response is a little larger than the batches in it.
const RESPONSE_OVERHEAD_BYTES = 256 * 1024

/**
 * Reads all partitions to their targets, wherever their leaders are and go: each group of partitions follows its leader,
 * splits when the leaders part, and waits while there is none. Resolves early, without error, when the signal is aborted;
 * in every case nothing is still being read when it settles.
 * @throws KB_CLUSTER_UNREACHABLE after two minutes without progress of a group, and what writers and brokers throw
 */
export async function readPartitions(
  options: ReadingOptions,
  writers: readonly PartitionWriter[],
): Promise<void> {
  const lanes = options.connectionsPerBroker
  const buffers = new ResponseBuffers(
    options.fetchMaxBytes + RESPONSE_OVERHEAD_BYTES,
    BUFFERS_PER_CONNECTION * lanes,
  )
  const failure = new AbortController()
  const shared: ReadingOptions = { ...options, signal: AbortSignal.any([options.signal, failure.signal]) }
  const laneOf = new Map(writers.map((writer, at) => [writer, at % lanes] as const))
  const follow: Follow = async (group) => {
    try {
      await new LeaderFollower(shared, buffers, laneOf, follow).run(group)
    } catch (error) {
      failure.abort(error)
      throw error
    }
  }
  await follow(writers)
}

// One is being received, one is being taken in, one is being written.
const BUFFERS_PER_CONNECTION = 3

type Follow = (group: readonly PartitionWriter[]) => Promise<void>

/** Reads one group of partitions; when their ways part, groups of their own are spawned through `follow`. */
class LeaderFollower {
  readonly #options: ReadingOptions
  readonly #buffers: ResponseBuffers
  readonly #laneOf: ReadonlyMap<PartitionWriter, number>
  readonly #follow: Follow
  readonly #spawned: Promise<void>[] = []
  #attempt = 0
  #lastProgressMs: number

  constructor(
    options: ReadingOptions,
    buffers: ResponseBuffers,
    laneOf: ReadonlyMap<PartitionWriter, number>,
    follow: Follow,
  ) {
    this.#options = options
    this.#buffers = buffers
    this.#laneOf = laneOf
    this.#follow = follow
    this.#lastProgressMs = options.clock.monotonicMs()
  }

  async run(group: readonly PartitionWriter[]): Promise<void> {
    const { signal } = this.#options
    let unfinished = group.filter((writer) => !writer.intake.isAtTarget)
    try {
      while (unfinished.length > 0 && !signal.aborted) {
        const handedOver = await this.#attemptOnce(unfinished)
        unfinished = unfinished.filter((writer) => !writer.intake.isAtTarget && !handedOver.has(writer))
      }
    } finally {
      await settleAll(this.#spawned)
    }
  }

  /** Reads until the leaders part or something fails; returns the writers that other groups go on with. */
  async #attemptOnce(writers: readonly PartitionWriter[]): Promise<Set<PartitionWriter>> {
    const handedOver = new Set<PartitionWriter>()
    try {
      const topics = [...new Set(writers.map((writer) => writer.plan.topic))]
      const description = await this.#options.cluster.describe(topics)
      const groups = this.#groupsByLeader(description, writers)
      if (groups.size === 1) await this.#readFromLeader(description, writers, handedOver)
      else {
        for (const writer of writers) handedOver.add(writer)
        this.#spawned.push(...[...groups.values()].map((members) => this.#follow(members)))
      }
    } catch (error) {
      await this.#waitAfter(error, writers)
    }
    return handedOver
  }

  async #readFromLeader(
    description: ClusterDescription,
    writers: readonly PartitionWriter[],
    handedOver: Set<PartitionWriter>,
  ): Promise<void> {
    const { clientId, signal, clock, fetchMaxBytes, fetchMaxWaitMs } = this.#options
    const leader = leaderOf(description, writers[0])
    const link = await openBrokerLink(description.brokers.get(leader), {
      clientId,
      buffers: this.#buffers,
      signal,
    })
    const close = () => link.connection.close()
    signal.addEventListener('abort', close, { once: true })
    try {
      const loop = new FetchLoop({
        link,
        writers,
        fetchMaxBytes,
        fetchMaxWaitMs,
        clock,
        signal,
        onPartitionLost: (writer, reason) => {
          handedOver.add(writer)
          this.#spawn(writer, reason)
        },
        onProgress: () => this.#noteProgress(),
      })
      await loop.run()
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
  }

  /** One connection carries the partitions of one leader and one lane, so the load of a leader is spread. */
  #groupsByLeader(
    description: ClusterDescription,
    writers: readonly PartitionWriter[],
  ): Map<string, PartitionWriter[]> {
    return Map.groupBy(writers, (writer) => `${leaderOf(description, writer)}/${this.#laneOf.get(writer)}`)
  }

  #spawn(writer: PartitionWriter, reason: KafkaBackupError): void {
    const { clock, signal, observe } = this.#options
    const goOn = async (): Promise<void> => {
      if (reason.code === 'KB_OFFSET_OUT_OF_RANGE') await this.#skipDeleted(writer)
      else if (!reason.retryable) throw reason
      else {
        observe({
          type: 'retry_scheduled',
          what: partitionName(writer.plan),
          reason: reason.message,
          attempt: 1,
        })
        await clock.sleep(RETRY.firstDelayMs, signal).catch(() => undefined)
      }
      await this.#follow([writer])
    }
    const spawned = goOn()
    spawned.catch(() => undefined)
    this.#spawned.push(spawned)
  }

  #noteProgress(): void {
    this.#attempt = 0
    this.#lastProgressMs = this.#options.clock.monotonicMs()
    this.#options.onProgress()
  }

  /** The log start moved above what is wanted: declare the gap. Anything else is a truncated log. */
  async #skipDeleted(writer: PartitionWriter): Promise<void> {
    const { plan, intake } = writer
    const logStarts = await this.#options.cluster.listOffsets('log_start', [plan])
    const logStart = logStarts.get(partitionName(plan)) ?? 0n
    if (logStart > intake.nextOffset) return writer.skipDeleted(logStart)
    throw new KafkaBackupError(
      'KB_SOURCE_TRUNCATED',
      `${partitionName(plan)} no longer has offset ${intake.nextOffset}, although its log begins at ${logStart}: the source was truncated`,
      { context: { topic: plan.topic, partition: plan.partition, offset: intake.nextOffset.toString() } },
    )
  }

  async #waitAfter(error: unknown, writers: readonly PartitionWriter[]): Promise<void> {
    const { clock, signal, observe } = this.#options
    if (signal.aborted) return
    const idleMs = clock.monotonicMs() - this.#lastProgressMs
    const isRetryable = isKafkaBackupError(error) && error.category === 'cluster' && error.retryable
    if (!isRetryable || idleMs > RETRY.giveUpAfterMs) throw error
    this.#attempt++
    observe({
      type: 'retry_scheduled',
      what: describeGroup(writers),
      reason: error.message,
      attempt: this.#attempt,
    })
    await clock.sleep(backoffDelayMs(RETRY, this.#attempt), signal).catch(() => undefined)
  }
}

/** -1 while there is no leader. */
function leaderOf(description: ClusterDescription, writer: PartitionWriter | undefined): number {
  const topic = description.topics.find((entry) => entry.name === writer?.plan.topic)
  return topic?.partitions.find((entry) => entry.partition === writer?.plan.partition)?.leader ?? -1
}

function describeGroup(writers: readonly PartitionWriter[]): string {
  const [first] = writers
  if (!first) return 'no partition'
  return writers.length === 1
    ? partitionName(first.plan)
    : `${partitionName(first.plan)} and ${writers.length - 1} more`
}
