import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { BatchCursor } from '../protocol/record-batch.ts'
import type { Clock } from '../runtime/clock.ts'
import { type RetryPolicy, retry } from '../runtime/retry.ts'
import { type BrokerLink, openBrokerLink } from './broker-connections.ts'
import { type Cluster, partitionName, type TopicPartition } from './cluster.ts'
import { type AbortedTransaction, fetchBatches, fetchVersion } from './fetch-api.ts'
import { brokerError } from './kafka-error.ts'
import type { ClusterSecurity } from './security.ts'

/** How a cluster is read. */
export interface PartitionReaderOptions {
  readonly cluster: Cluster
  readonly clientId: string
  /** Absent: plain connections without an account. */
  readonly security?: ClusterSecurity
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Whole batches of one answer, in a buffer of their own, and what the leader said beside them. */
export interface ReadChunk {
  readonly bytes: Buffer
  readonly aborted: readonly AbortedTransaction[]
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  readonly logStartOffset: bigint
  /** Behind the last batch, or where it was asked for when there is none. */
  readonly nextOffset: bigint
}

/** Offsets [beginOffset, endOffset) of one partition. */
export interface PartitionRange extends TopicPartition {
  readonly beginOffset: bigint
  readonly endOffset: bigint
}

/** Of one answer; a batch that is larger comes alone. */
const FETCH_MAX_BYTES = 8 * 1024 * 1024
const MAX_WAIT_MS = 500
const RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 60_000 }

/**
 * Everything that the leader has from the batch that holds `beginOffset` up to `endOffset`, committed or not; batches at both
 * ends may reach beyond. Moved leaders and lost connections are followed; nothing is skipped. Whoever reads up to an end that
 * the leader has not confirmed waits for it.
 * @throws KB_OFFSET_OUT_OF_RANGE when the log no longer has the offsets
 */
export async function* readPartition(
  options: PartitionReaderOptions,
  range: PartitionRange,
): AsyncGenerator<ReadChunk, void, undefined> {
  const leader = new LeaderLink(options, range)
  let position = range.beginOffset
  try {
    while (position < range.endOffset) {
      const from = position
      const chunk = await retry(() => leader.fetch(from), {
        policy: RETRY,
        clock: options.clock,
        signal: options.signal,
      })
      if (chunk.bytes.length > 0) yield chunk
      position = chunk.nextOffset
    }
  } finally {
    leader.close()
  }
}

/** The leader of one partition, found again when it has moved. */
class LeaderLink {
  readonly #options: PartitionReaderOptions
  readonly #range: PartitionRange
  #found: Promise<{ readonly link: BrokerLink; readonly topicId: string | null }> | undefined

  constructor(options: PartitionReaderOptions, range: PartitionRange) {
    this.#options = options
    this.#range = range
  }

  async fetch(fetchOffset: bigint): Promise<ReadChunk> {
    try {
      this.#found ??= this.#find()
      const { link, topicId } = await this.#found
      return await this.#ask(link, topicId, fetchOffset)
    } catch (error) {
      if (!isKafkaBackupError(error, 'KB_OFFSET_OUT_OF_RANGE')) this.close()
      throw error
    }
  }

  close(): void {
    const found = this.#found
    this.#found = undefined
    found?.then(({ link }) => link.connection.close()).catch(() => undefined)
  }

  async #find() {
    const { cluster, clientId, security, signal } = this.#options
    const { topic, partition } = this.#range
    const { brokers, topics } = await cluster.describe([topic])
    const described = topics.find((entry) => entry.name === topic)
    const leader = described?.partitions.find((entry) => entry.partition === partition)?.leader ?? -1
    const link = await openBrokerLink(brokers.get(leader), { clientId, security, signal })
    return { link, topicId: described?.topicId ?? null }
  }

  async #ask(link: BrokerLink, topicId: string | null, fetchOffset: bigint): Promise<ReadChunk> {
    const { topic, partition } = this.#range
    const wanted = {
      topic,
      topicId,
      partition,
      fetchOffset,
      leaderEpoch: -1,
      lastFetchedEpoch: -1,
      partitionMaxBytes: FETCH_MAX_BYTES,
    }
    const version = fetchVersion(link.versions, [wanted], link.connection.broker)
    const request = {
      maxWaitMs: MAX_WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_MAX_BYTES,
      isReadCommitted: false,
      rackId: '',
      partitions: [wanted],
    }
    const response = await fetchBatches(link.connection, version, request)
    try {
      const [answer] = response.partitions
      if (!answer) {
        // A broker that has just started may not know the topic's id yet.
        throw new KafkaBackupError(
          'KB_BROKER_TRANSIENT',
          `Fetch: no answer for ${partitionName(this.#range)}`,
        )
      }
      if (answer.errorCode !== 0) {
        throw brokerError(
          answer.errorCode,
          `reading ${partitionName(this.#range)} at offset ${fetchOffset}`,
          { topic, partition },
        )
      }
      const { aborted, highWatermark, lastStableOffset, logStartOffset } = answer
      const cursor = new BatchCursor(response.buffer, answer.begin, answer.end)
      let nextOffset = fetchOffset
      while (cursor.next()) if (cursor.lastOffset >= nextOffset) nextOffset = cursor.lastOffset + 1n
      const bytes = Buffer.from(response.buffer.subarray(answer.begin, cursor.position))
      return { bytes, aborted, highWatermark, lastStableOffset, logStartOffset, nextOffset }
    } finally {
      response.release()
    }
  }
}
