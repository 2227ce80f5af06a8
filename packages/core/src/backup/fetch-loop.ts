import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BrokerLink } from '../kafka/broker-connections.ts'
import { type FetchedPartition, type FetchResponse, fetchBatches, fetchVersion } from '../kafka/fetch-api.ts'
import { brokerError } from '../kafka/kafka-error.ts'
import type { Clock } from '../runtime/clock.ts'
import { settleAll } from '../runtime/settle-all.ts'
import type { CutFrame, MissingOffsets } from './batch-intake.ts'
import { findDamagedBatch } from './damaged-batch.ts'
import { FetchTurns, fetchEntries, type Positions, positionOf } from './fetch-turns.ts'
import type { PartitionWriter } from './partition-writer.ts'
import type { ReadingWatch } from './reading-watch.ts'
import type { TransactionWait } from './transaction-wait.ts'

/** Why a loop does not go on with a partition. */
export type Symptom =
  /** The broker answered with an error code. */
  | { readonly kind: 'error'; readonly error: KafkaBackupError; readonly kafkaCode: number }
  /** The leader's epochs, or (proven) the last batch that was read, are not what they were. */
  | { readonly kind: 'diverged'; readonly error: KafkaBackupError; readonly isProven: boolean }
  /** By the metadata it is not there, or has no leader. */
  | { readonly kind: 'gone'; readonly error: KafkaBackupError }
  /** A batch is damaged, and nothing says where it ends. */
  | { readonly kind: 'damaged'; readonly error: KafkaBackupError }
  /** The log ends below the target. */
  | { readonly kind: 'short' }
  /** The leader names a nearer replica; -1: back to the leader. */
  | { readonly kind: 'moved'; readonly replica: number }

/** A partition that somebody else goes on with. */
export interface LostPartition {
  readonly writer: PartitionWriter
  readonly symptom: Symptom
}

/** How a fetch loop asks. Sizes in bytes, times in milliseconds. */
export interface FetchLoopOptions {
  readonly link: BrokerLink
  readonly writers: readonly PartitionWriter[]
  /** By the metadata; -1 when unknown. */
  readonly leaderEpochs: ReadonlyMap<PartitionWriter, number>
  /** The broker is not the leader: what it does not have proves nothing. */
  readonly isReplica: boolean
  readonly isReadCommitted: boolean
  readonly rackId: string
  readonly fetchMaxBytes: number
  readonly fetchMaxWaitMs: number
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly watch: ReadingWatch
  readonly transactions: TransactionWait
  /** Only an open transaction keeps the partition from its target; `isOver`: it has been so for too long. */
  readonly onBlocked: (writer: PartitionWriter, isOver: boolean) => void
  readonly onPartitionsLost: (lost: readonly LostPartition[]) => void
  readonly onProgress: () => void
}

// An empty answer to the partition that was asked for first means that nothing is left there. Asked again, because a leader
// that was just elected may not have its high watermark yet.
const EMPTY_ANSWERS_MAX = 5
// A response can be damaged on its way; a batch that is damaged in the log stays so.
const CORRUPT_ANSWERS_MAX = 3
const IDLE_MAX_MS = 30_000
// How long transactions are waited for is looked at with every answer.
const BLOCKED_WAIT_MAX_MS = 500
// Who has everything waits for so much to come together, or for the longest wait, instead of asking for each record.
const CAUGHT_UP_MIN_BYTES = 64 * 1024

interface SentRequest {
  readonly answer: Promise<FetchResponse>
  readonly positions: Positions
  /** Wall clock. */
  readonly sentAtMs: number
}

/**
 * Reads the partitions of one broker over one connection until each is done. One response is being received while
 * the one before is checked and the one before that is written, so at most three response buffers are held.
 *
 * Copies of a byte from socket to store: the kernel writes it into the response buffer; frames are slices of that buffer, which
 * are written (stored) or compressed from there. Only what stays below the size of a frame is copied once more.
 * @throws KB_CLUSTER_UNREACHABLE when the connection breaks, and whatever a writer throws
 */
export class FetchLoop {
  readonly #options: FetchLoopOptions
  readonly #version: number
  readonly #turns: FetchTurns
  readonly #byName: ReadonlyMap<string, PartitionWriter>
  readonly #emptyAnswers = new Map<PartitionWriter, number>()
  readonly #corruptAnswers = new Map<PartitionWriter, number>()
  #live: PartitionWriter[]
  #advancedAtMs: number

  constructor(options: FetchLoopOptions) {
    this.#options = options
    this.#live = options.writers.filter((writer) => !writer.isDone)
    this.#advancedAtMs = options.clock.monotonicMs()
    this.#turns = new FetchTurns((writer) => options.watch.isUrgent(writer))
    this.#byName = new Map(
      options.writers.map((writer) => [`${writer.plan.topic}/${writer.plan.partition}`, writer]),
    )
    const { versions, connection } = options.link
    this.#version = fetchVersion(
      versions,
      options.writers.map(({ plan }) => plan),
      connection.broker,
    )
  }

  async run(): Promise<void> {
    const { signal, clock } = this.#options
    let writing: Promise<void> = Promise.resolve()
    let request: SentRequest | undefined =
      this.#live.length > 0 ? this.#send(this.#currentPositions()) : undefined
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
    return this.#turns.choose(new Map(this.#live.map((writer) => [writer, positionOf(writer)])))
  }

  /** Asks for what follows an answer before it was checked, so that the broker works meanwhile. */
  #sendAhead(response: FetchResponse, request: SentRequest): SentRequest | undefined {
    const advanced: (readonly [PartitionWriter, { offset: bigint; lastEpoch: number }])[] = []
    const waiting = new Set(this.#live)
    for (const fetched of response.partitions) {
      const writer = this.#byName.get(`${fetched.topic}/${fetched.partition}`)
      if (!writer || !waiting.has(writer)) continue
      const isAnswer = request.positions.get(writer)?.offset === writer.intake.fetchOffset
      const { nextOffset, lastEpoch, isAtTarget } = writer.intake.foresee(
        response.buffer,
        fetched.begin,
        fetched.end,
      )
      if (isElsewhere(fetched) || !isAnswer || isAtTarget) waiting.delete(writer)
      else if (nextOffset > writer.intake.nextOffset) {
        waiting.delete(writer)
        advanced.push([writer, { offset: nextOffset, lastEpoch }])
      }
    }
    if (advanced.length === 0) return undefined
    // Who got nothing stands first: only the first partition of an answer gets a batch that is larger than its share.
    const first = [...waiting].map((writer) => [writer, positionOf(writer)] as const)
    return this.#send(this.#turns.choose(new Map([...first, ...advanced])))
  }

  #send(positions: Positions): SentRequest {
    const { link, fetchMaxBytes, fetchMaxWaitMs, isReadCommitted, rackId, leaderEpochs } = this.#options
    const isCaughtUp = this.#live.every(({ isEndless, standing }) => isEndless && standing.isAtEnd)
    const sentAtMs = this.#options.clock.nowMs()
    const answer = fetchBatches(link.connection, this.#version, {
      maxWaitMs: this.#isBlocked() ? Math.min(fetchMaxWaitMs, BLOCKED_WAIT_MAX_MS) : fetchMaxWaitMs,
      minBytes: isCaughtUp ? CAUGHT_UP_MIN_BYTES : 1,
      maxBytes: fetchMaxBytes,
      isReadCommitted,
      rackId,
      partitions: fetchEntries(positions, fetchMaxBytes, leaderEpochs),
    })
    answer.catch(() => undefined)
    return { answer, positions, sentAtMs }
  }

  #isBlocked(): boolean {
    return this.#live.some((writer) => this.#options.transactions.isBlocked(writer))
  }

  /** Hands each partition's batches to its writer; what is returned resolves when the response's bytes are free. */
  #intake(response: FetchResponse, request: SentRequest): Promise<void>[] {
    const work: Promise<void>[] = []
    const lost: LostPartition[] = []
    const served: PartitionWriter[] = []
    const live = new Set(this.#live)
    const [first] = request.positions.keys()
    for (const fetched of response.partitions) {
      const writer = this.#byName.get(`${fetched.topic}/${fetched.partition}`)
      if (!writer || !live.has(writer)) continue
      const before = writer.intake.fetchOffset
      // Asked for before the answer in front of it was checked, and that one led elsewhere: ask again, whatever it says.
      if (request.positions.get(writer)?.offset !== before) continue
      const symptom = this.#symptomOf(fetched)
      if (symptom) {
        lost.push({ writer, symptom })
        continue
      }
      const { sentAtMs: askedAtMs } = request
      const writing = this.#accept(writer, fetched, { response, isFirst: writer === first, lost })
      // A failure is reported where the work is awaited; until then it must not count as unhandled.
      writing.catch(() => undefined)
      work.push(writing)
      if (writer.intake.fetchOffset > before) served.push(writer)
      this.#noteStanding(writer, fetched, askedAtMs)
    }
    if (lost.length > 0) this.#options.onPartitionsLost(lost)
    this.#rotate(
      served,
      lost.map(({ writer }) => writer),
    )
    this.#noteAdvance(served.length > 0)
    return work
  }

  #accept(
    writer: PartitionWriter,
    fetched: FetchedPartition,
    around: { readonly response: FetchResponse; readonly isFirst: boolean; readonly lost: LostPartition[] },
  ): Promise<void> {
    try {
      const cut = writer.intake.accept({ ...fetched, buffer: around.response.buffer })
      const ended = this.#noteEmpty(writer, fetched, around)
      this.#corruptAnswers.delete(writer)
      return writer.enqueue([...cut, ...ended])
    } catch (error) {
      const located = locate(error, writer, this.#options.link.connection.broker)
      if (isKafkaBackupError(located, 'KB_SOURCE_REPLACED')) {
        around.lost.push({ writer, symptom: { kind: 'diverged', error: located, isProven: true } })
        return Promise.resolve()
      }
      const attempts = (this.#corruptAnswers.get(writer) ?? 0) + 1
      this.#corruptAnswers.set(writer, attempts)
      if (!isKafkaBackupError(error, 'KB_BATCH_CORRUPT') || !isKafkaBackupError(located)) throw located
      if (attempts < CORRUPT_ANSWERS_MAX) return Promise.resolve()
      this.#corruptAnswers.delete(writer)
      return this.#passDamaged(writer, { ...fetched, buffer: around.response.buffer }, located, around.lost)
    }
  }

  /** Damaged again and again: it is so in the log. What is behind it is still worth having. */
  #passDamaged(
    writer: PartitionWriter,
    answer: { readonly buffer: Buffer; readonly begin: number; readonly end: number },
    error: KafkaBackupError,
    lost: LostPartition[],
  ): Promise<void> {
    const { intake } = writer
    if (intake.fetchOffset < intake.nextOffset) {
      // The batch that was only to be compared; the backup has it whole.
      intake.forgetAnchor()
      return Promise.resolve()
    }
    const { nextOffset } = intake
    const { message: detail } = error.cause instanceof Error ? error.cause : error
    // Of an endless writer, as far as the answers before this one have shown.
    const at = { nextOffset, targetOffset: writer.targetOffset, detail }
    const damaged = findDamagedBatch(answer, at)
    if (damaged) return writer.setAside(damaged)
    lost.push({ writer, symptom: { kind: 'damaged', error } })
    return Promise.resolve()
  }

  /**
   * On a compacted topic the last records below the target may be gone without a batch that shows it. An empty answer says so only
   * for the partition that stood first in the request: it gets at least one batch if it has any (KIP-74), while the others
   * are left out whenever the answer is full. A log that ends below the target has lost what was acknowledged.
   */
  #noteEmpty(
    writer: PartitionWriter,
    fetched: FetchedPartition,
    around: { readonly isFirst: boolean; readonly lost: LostPartition[] },
  ): (CutFrame | MissingOffsets)[] {
    // Without a target nothing has to be there; a log that was cut off is betrayed by its epochs and its end.
    if (writer.isEndless) return []
    const { targetOffset } = writer.plan
    const { isReadCommitted, isReplica } = this.#options
    const isShort = fetched.highWatermark < targetOffset
    const readableEnd = isReadCommitted ? fetched.lastStableOffset : fetched.highWatermark
    const isEmpty = fetched.end === fetched.begin && (isShort || readableEnd >= targetOffset)
    if (!isEmpty || !around.isFirst || writer.intake.isAtTarget) {
      if (!isEmpty) this.#emptyAnswers.delete(writer)
      return []
    }
    const answers = (this.#emptyAnswers.get(writer) ?? 0) + 1
    this.#emptyAnswers.set(writer, answers)
    if (answers < EMPTY_ANSWERS_MAX) return []
    if (!isReplica && !isShort) return writer.intake.declareEnd()
    around.lost.push({ writer, symptom: isReplica ? { kind: 'moved', replica: -1 } : { kind: 'short' } })
    return []
  }

  /** Warns of what is near: deletion, and transactions that do not end. */
  #noteStanding(writer: PartitionWriter, fetched: FetchedPartition, askedAtMs: number): void {
    const { watch, transactions, isReadCommitted, clock, onBlocked } = this.#options
    watch.note(writer, fetched)
    const { intake, plan } = writer
    const { highWatermark, lastStableOffset } = fetched
    const readableEnd = isReadCommitted ? lastStableOffset : highWatermark
    writer.noteSighting({ askedAtMs, highWatermark, readableEnd })
    const isHeldBack = writer.isEndless
      ? fetched.begin === fetched.end && highWatermark > lastStableOffset
      : highWatermark >= plan.targetOffset
    const isBlocked = isReadCommitted && !writer.isDone && lastStableOffset <= intake.nextOffset && isHeldBack
    const verdict = transactions.note(writer, isBlocked, clock.monotonicMs())
    if (verdict === 'announce' || verdict === 'expired') onBlocked(writer, verdict === 'expired')
  }

  /** A leader that answers and has nothing, although there should be something, is as good as one that is silent. */
  #noteAdvance(hasAdvanced: boolean): void {
    const nowMs = this.#options.clock.monotonicMs()
    const isExcused = this.#live.every(
      (writer) =>
        this.#options.transactions.isBlocked(writer) || (writer.isEndless && writer.standing.isAtEnd),
    )
    if (hasAdvanced || isExcused) {
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
    this.#live = [...waiting, ...served].filter((writer) => !writer.isDone)
  }

  #symptomOf(fetched: FetchedPartition): Symptom | undefined {
    const { topic, partition, errorCode: kafkaCode } = fetched
    const { broker } = this.#options.link.connection
    const context = { topic, partition, broker }
    if (kafkaCode !== 0) {
      return {
        kind: 'error',
        error: brokerError(kafkaCode, `reading ${topic}/${partition}`, context),
        kafkaCode,
      }
    }
    if (fetched.diverging) {
      const message = `${topic}/${partition}: the leader's history ends at offset ${fetched.diverging.endOffset} where the backup's goes on`
      const error = new KafkaBackupError('KB_SOURCE_REPLACED', message, { context })
      return { kind: 'diverged', error, isProven: false }
    }
    if (fetched.preferredReplica < 0) return undefined
    return { kind: 'moved', replica: fetched.preferredReplica }
  }
}

/** True when an answer holds no batches because somebody else has to go on. */
function isElsewhere(fetched: FetchedPartition): boolean {
  return fetched.errorCode !== 0 || fetched.diverging !== null || fetched.preferredReplica >= 0
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
