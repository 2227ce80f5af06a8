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
  /** Ends at the last stable offset, and has the aborted transactions listed; false when absent. */
  readonly isReadCommitted?: boolean
}

/** Whole batches of one answer, in a buffer of their own, and what the leader said beside them. */
export interface ReadChunk {
  readonly bytes: Buffer
  /** Empty unless only committed records are read. */
  readonly aborted: readonly AbortedTransaction[]
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  readonly logStartOffset: bigint
  /** Behind the last batch, or where it was asked for when there is none. */
  readonly nextOffset: bigint
  /** How long the broker holds the connection back because of a quota; 0: not at all. */
  readonly throttleMs: number
}

/** Offsets [beginOffset, endOffset) of one partition. */
export interface PartitionRange extends TopicPartition {
  readonly beginOffset: bigint
  readonly endOffset: bigint
}

/** Of one answer; a batch that is larger comes alone. */
const FETCH_MAX_BYTES = 8 * 1024 * 1024
const MAX_WAIT_MS = 500
/** A leader that was just elected may show an older end for a moment; what it shows after this time is the end. */
const SILENCE_MS = 10_000
const RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 60_000 }

/**
 * Everything that the leader has from the batch that holds `beginOffset` up to `endOffset`, committed or not; batches at both
 * ends may reach beyond. Moved leaders and lost connections are followed; nothing is skipped. When nothing comes for {@link SILENCE_MS},
 * the log has no more: that ends the reading where its end is not below `endOffset` (compaction took the last records).
 * @throws KB_OFFSET_OUT_OF_RANGE when the log no longer has the offsets, or ends below `beginOffset`; KB_LOG_ENDS_EARLY when it ends
 * below `endOffset`
 */
export async function* readPartition(
  options: PartitionReaderOptions,
  range: PartitionRange,
): AsyncGenerator<ReadChunk, void, undefined> {
  const leader = new LeaderLink(options, range)
  const { clock } = options
  let position = range.beginOffset
  let silentSinceMs: number | null = null
  try {
    while (position < range.endOffset) {
      const from = position
      const chunk = await retry(() => leader.fetch(from), {
        policy: RETRY,
        clock,
        signal: options.signal,
        onRetry: () => {
          silentSinceMs = null
        },
      })
      position = chunk.nextOffset
      if (chunk.bytes.length > 0) yield chunk
      // What a quota delays comes later.
      const isSilent = chunk.bytes.length === 0 && chunk.throttleMs === 0
      const nowMs = clock.monotonicMs()
      silentSinceMs = isSilent ? (silentSinceMs ?? nowMs) : null
      if (silentSinceMs !== null && nowMs - silentSinceMs >= SILENCE_MS) {
        assertReached(options, range, chunk)
        return
      }
    }
  } finally {
    leader.close()
  }
}

function assertReached(
  { isReadCommitted = false }: PartitionReaderOptions,
  range: PartitionRange,
  { highWatermark, lastStableOffset }: ReadChunk,
): void {
  const end = isReadCommitted ? lastStableOffset : highWatermark
  if (end >= range.endOffset) return
  const whose = isReadCommitted ? ' for readers of committed records' : ''
  throw new KafkaBackupError(
    'KB_LOG_ENDS_EARLY',
    `${partitionName(range)} ends at offset ${end}${whose}, expected ${range.endOffset}`,
    { context: { topic: range.topic, partition: range.partition, offset: end.toString() } },
  )
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
      isReadCommitted: this.#options.isReadCommitted ?? false,
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
      const { throttleMs } = response
      const bytes = Buffer.from(response.buffer.subarray(answer.begin, cursor.position))
      return { bytes, aborted, highWatermark, lastStableOffset, logStartOffset, nextOffset, throttleMs }
    } finally {
      response.release()
    }
  }
}
