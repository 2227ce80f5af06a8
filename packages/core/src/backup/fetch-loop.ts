import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { negotiateVersion } from '../kafka/api-versions.ts'
import type { BrokerLink } from '../kafka/broker-connections.ts'
import { FETCH, type FetchedPartition, type FetchResponse, fetchBatches } from '../kafka/fetch-api.ts'
import { brokerError } from '../kafka/kafka-error.ts'
import type { Clock } from '../runtime/clock.ts'
import { settleAll } from '../runtime/settle-all.ts'
import type { CutFrame, MissingOffsets } from './batch-intake.ts'
import type { PartitionWriter } from './partition-writer.ts'

/** How a fetch loop asks. Sizes in bytes, times in milliseconds. */
export interface FetchLoopOptions {
  readonly link: BrokerLink
  readonly writers: readonly PartitionWriter[]
  readonly fetchMaxBytes: number
  readonly fetchMaxWaitMs: number
  readonly clock: Clock
  readonly signal: AbortSignal
  /** The leader moved away, or does not have what is wanted: somebody else goes on with this partition. */
  readonly onPartitionLost: (writer: PartitionWriter, reason: KafkaBackupError) => void
  readonly onProgress: () => void
}

const PARTITION_MIN_BYTES = 256 * 1024
// An empty answer to the partition that was asked for first means that nothing is left there. Asked again, because a leader
// that was just elected may not have its high watermark yet.
const EMPTY_ANSWERS_MAX = 5
// A response can be damaged on its way; a batch that is damaged in the log stays so.
const CORRUPT_ANSWERS_MAX = 3
const IDLE_MAX_MS = 30_000

/** Offset asked for, by partition, in the order of the request. */
type Positions = ReadonlyMap<PartitionWriter, bigint>

interface SentRequest {
  readonly answer: Promise<FetchResponse>
  readonly positions: Positions
}

/**
 * Reads the partitions of one leader over one connection until each is at its target. One response is being received while
 * the one before is checked and the one before that is written, so at most three response buffers are held.
 *
 * Copies of a byte from socket to store: the kernel writes it into the response buffer; frames are slices of that buffer, which
 * are written (stored) or compressed from there. Only what stays below the size of a frame is copied once more.
 * @throws KB_CLUSTER_UNREACHABLE when the connection breaks, and whatever a writer throws
 */
export class FetchLoop {
  readonly #options: FetchLoopOptions
  readonly #version: number
  readonly #byName: ReadonlyMap<string, PartitionWriter>
  readonly #emptyAnswers = new Map<PartitionWriter, number>()
  readonly #corruptAnswers = new Map<PartitionWriter, number>()
  #live: PartitionWriter[]
  #advancedAtMs: number

  constructor(options: FetchLoopOptions) {
    this.#options = options
    this.#live = options.writers.filter((writer) => !writer.intake.isAtTarget)
    this.#advancedAtMs = options.clock.monotonicMs()
    this.#byName = new Map(
      options.writers.map((writer) => [`${writer.plan.topic}/${writer.plan.partition}`, writer]),
    )
    this.#version = negotiateVersion(options.link.versions, FETCH, options.link.connection.broker)
  }

  async run(): Promise<void> {
    const { signal, clock } = this.#options
    let writing: Promise<void> = Promise.resolve()
    let request: SentRequest | undefined = this.#send(this.#currentPositions())
    try {
      while (request && !signal.aborted) {
        const response = await request.answer
        if (signal.aborted) break
        const ahead = this.#sendAhead(response, request)
        const work = this.#intake(response, request)
        await writing
        writing = settleAll(work).then(() => response.release())
        writing.catch(() => undefined)
        if (response.throttleMs > 0) await clock.sleep(response.throttleMs, signal).catch(() => undefined)
        request = ahead ?? (this.#live.length > 0 ? this.#send(this.#currentPositions()) : undefined)
        if (this.#live.length === 0) break
      }
      await writing
    } finally {
      await writing.catch(() => undefined)
    }
  }

  #currentPositions(): Positions {
    return new Map(this.#live.map((writer) => [writer, writer.intake.nextOffset]))
  }

  /** Asks for what follows an answer before it was checked, so that the broker works meanwhile. */
  #sendAhead(response: FetchResponse, request: SentRequest): SentRequest | undefined {
    const advanced = new Map<PartitionWriter, bigint>()
    const waiting = new Set(this.#live)
    for (const fetched of response.partitions) {
      const writer = this.#byName.get(`${fetched.topic}/${fetched.partition}`)
      if (!writer || !waiting.has(writer)) continue
      const isAnswer = request.positions.get(writer) === writer.intake.nextOffset
      const foreseen = writer.intake.foresee(response.buffer, fetched.begin, fetched.end)
      if (fetched.errorCode !== 0 || !isAnswer || foreseen.isAtTarget) waiting.delete(writer)
      else if (foreseen.nextOffset > writer.intake.nextOffset) {
        waiting.delete(writer)
        advanced.set(writer, foreseen.nextOffset)
      }
    }
    if (advanced.size === 0) return undefined
    // Who got nothing stands first: only the first partition of an answer gets a batch that is larger than its share.
    const first = [...waiting].map((writer) => [writer, writer.intake.nextOffset] as const)
    return this.#send(new Map([...first, ...advanced]))
  }

  #send(positions: Positions): SentRequest {
    const { link, fetchMaxBytes, fetchMaxWaitMs } = this.#options
    const share = Math.floor(fetchMaxBytes / Math.max(positions.size, 1))
    const answer = fetchBatches(link.connection, this.#version, {
      maxWaitMs: fetchMaxWaitMs,
      minBytes: 1,
      maxBytes: fetchMaxBytes,
      isReadCommitted: true,
      rackId: '',
      partitions: [...positions].map(([writer, fetchOffset]) => ({
        topic: writer.plan.topic,
        partition: writer.plan.partition,
        fetchOffset,
        leaderEpoch: -1,
        partitionMaxBytes: Math.max(share, PARTITION_MIN_BYTES),
      })),
    })
    answer.catch(() => undefined)
    return { answer, positions }
  }

  /** Hands each partition's batches to its writer; what is returned resolves when the response's bytes are free. */
  #intake(response: FetchResponse, request: SentRequest): Promise<void>[] {
    const work: Promise<void>[] = []
    const lost: PartitionWriter[] = []
    const served: PartitionWriter[] = []
    const live = new Set(this.#live)
    const [first] = request.positions.keys()
    for (const fetched of response.partitions) {
      const writer = this.#byName.get(`${fetched.topic}/${fetched.partition}`)
      if (!writer || !live.has(writer)) continue
      const before = writer.intake.nextOffset
      // Asked for before the answer in front of it was checked, and that one led elsewhere: ask again, whatever it says.
      if (request.positions.get(writer) !== before) continue
      if (fetched.errorCode !== 0) {
        lost.push(writer)
        this.#options.onPartitionLost(writer, this.#partitionError(fetched))
        continue
      }
      const writing = this.#accept(writer, fetched, { response, isFirst: writer === first })
      // A failure is reported where the work is awaited; until then it must not count as unhandled.
      writing.catch(() => undefined)
      work.push(writing)
      if (writer.intake.nextOffset > before) served.push(writer)
    }
    this.#rotate(served, lost)
    this.#noteAdvance(served.length > 0)
    return work
  }

  #accept(
    writer: PartitionWriter,
    fetched: FetchedPartition,
    { response, isFirst }: { readonly response: FetchResponse; readonly isFirst: boolean },
  ): Promise<void> {
    try {
      const cut = writer.intake.accept(response.buffer, fetched.begin, fetched.end, fetched.aborted)
      const ended = this.#noteEmpty(writer, fetched, isFirst)
      this.#corruptAnswers.delete(writer)
      return writer.enqueue([...cut, ...ended])
    } catch (error) {
      const attempts = (this.#corruptAnswers.get(writer) ?? 0) + 1
      this.#corruptAnswers.set(writer, attempts)
      if (!isKafkaBackupError(error, 'KB_BATCH_CORRUPT') || attempts >= CORRUPT_ANSWERS_MAX) {
        throw locate(error, writer, this.#options.link.connection.broker)
      }
      return Promise.resolve()
    }
  }

  /**
   * On a compacted topic the last records below the target may be gone without a batch that shows it. An empty answer says so only
   * for the partition that stood first in the request: it gets at least one batch if it has any (KIP-74), while the others
   * are left out whenever the answer is full.
   */
  #noteEmpty(
    writer: PartitionWriter,
    fetched: FetchedPartition,
    isFirst: boolean,
  ): (CutFrame | MissingOffsets)[] {
    const isEmpty = fetched.end === fetched.begin && fetched.lastStableOffset >= writer.plan.targetOffset
    if (!isEmpty || !isFirst || writer.intake.isAtTarget) {
      if (!isEmpty) this.#emptyAnswers.delete(writer)
      return []
    }
    const answers = (this.#emptyAnswers.get(writer) ?? 0) + 1
    this.#emptyAnswers.set(writer, answers)
    return answers >= EMPTY_ANSWERS_MAX ? writer.intake.declareEnd() : []
  }

  /** A leader that answers and has nothing, although there should be something, is as good as one that is silent. */
  #noteAdvance(hasAdvanced: boolean): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (hasAdvanced || this.#live.length === 0) {
      this.#advancedAtMs = nowMs
      this.#options.onProgress()
    } else if (nowMs - this.#advancedAtMs > IDLE_MAX_MS) {
      const [writer] = this.#live
      const where = writer
        ? `${writer.plan.topic}/${writer.plan.partition} at offset ${writer.intake.nextOffset}`
        : ''
      const broker = this.#options.link.connection.broker
      throw new KafkaBackupError(
        'KB_BROKER_TRANSIENT',
        `broker ${broker} has sent nothing for ${where} for ${IDLE_MAX_MS} ms`,
      )
    }
  }

  /** Partitions that got data go to the end of the line, so that none starves. */
  #rotate(served: readonly PartitionWriter[], lost: readonly PartitionWriter[]): void {
    const gone = new Set([...served, ...lost])
    const waiting = this.#live.filter((writer) => !gone.has(writer))
    this.#live = [...waiting, ...served].filter((writer) => !writer.intake.isAtTarget)
  }

  #partitionError(fetched: FetchedPartition): KafkaBackupError {
    const { topic, partition } = fetched
    const { broker } = this.#options.link.connection
    return brokerError(fetched.errorCode, `reading ${topic}/${partition}`, { topic, partition, broker })
  }
}

function locate(error: unknown, writer: PartitionWriter, broker: string): unknown {
  if (!isKafkaBackupError(error)) return error
  const { topic, partition } = writer.plan
  const offset = error.context.offset ?? writer.intake.nextOffset.toString()
  return new KafkaBackupError(
    error.code,
    `${topic}/${partition} at offset ${offset}, sent by broker ${broker}: ${error.message}`,
    { context: { topic, partition, offset, broker }, cause: error },
  )
}
