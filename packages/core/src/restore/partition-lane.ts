import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import type { TargetPlace } from '../format/restore-ledger.ts'
import { partitionName } from '../kafka/cluster.ts'
import { brokerError } from '../kafka/kafka-error.ts'
import type { ProducedPartition } from '../kafka/produce-api.ts'
import type { ProducerIdentity } from '../kafka/producer-id-api.ts'
import { patchForProduce } from '../protocol/batch-patch.ts'
import type { Clock } from '../runtime/clock.ts'
import { backoffDelayMs, type RetryPolicy } from '../runtime/retry.ts'
import type { LaneBatch } from './lane-batch.ts'
import type { LeaderQueues } from './leader-queues.ts'

/** What lanes share. */
export interface LaneContext {
  readonly queues: LeaderQueues
  readonly identity: ProducerIdentity
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly observe: Observer
  readonly onWritten: (records: number, bytes: number) => void
}

/** What a lane wrote. Target offsets: first, and next (exclusive). */
export interface LaneResult {
  readonly topic: string
  readonly partition: number
  readonly records: number
  readonly reencodedBatches: number
  readonly firstTargetOffset: bigint
  readonly nextTargetOffset: bigint
}

interface Sent {
  readonly batch: LaneBatch
  readonly targetOffset: bigint
  answer: Promise<ProducedPartition>
}

const WINDOW_MAX = 5
const SEQUENCE_END = 2 ** 31
const DUPLICATE_SEQUENCE = 46
const RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 2_000, giveUpAfterMs: 120_000 }

/**
 * Writes the batches of one partition in order, up to five under way. The producer's sequence makes the broker drop what is
 * sent twice, and the offset of every answer is compared with the count of records: a foreign record in between is noticed.
 */
export class PartitionLane {
  readonly #context: LaneContext
  readonly #place: TargetPlace
  readonly #beginOffset: bigint
  readonly #window: Sent[] = []
  #queued = 0
  #written = 0
  #reencoded = 0

  constructor(context: LaneContext, place: TargetPlace, beginOffset: bigint) {
    this.#context = context
    this.#place = place
    this.#beginOffset = beginOffset
  }

  /** @throws KB_TARGET_CHANGED, KB_RECORD_TOO_LARGE, KB_CLUSTER_*, and what reading the archive throws */
  async run(batches: AsyncIterable<LaneBatch>): Promise<LaneResult> {
    for await (const batch of batches) {
      this.#context.signal.throwIfAborted()
      this.#patch(batch)
      const targetOffset = this.#beginOffset + BigInt(this.#queued)
      this.#queued += batch.records
      if (batch.isReencoded) this.#reencoded++
      this.#window.push({ batch, targetOffset, answer: this.#send(batch) })
      // A broker takes any first sequence of a producer it does not know: the first batch must be in before the next is sent.
      if (this.#window.length >= WINDOW_MAX || this.#written === 0) await this.#settleOldest()
    }
    await this.#settleAll()
    return {
      topic: this.#place.topic,
      partition: this.#place.partition,
      records: this.#written,
      reencodedBatches: this.#reencoded,
      firstTargetOffset: this.#beginOffset,
      nextTargetOffset: this.#beginOffset + BigInt(this.#written),
    }
  }

  #patch(batch: LaneBatch): void {
    patchForProduce(batch.bytes, 0, {
      ...this.#context.identity,
      baseSequence: this.#queued % SEQUENCE_END,
      isTransactional: false,
    })
  }

  #send(batch: LaneBatch): Promise<ProducedPartition> {
    const { topic, partition } = this.#place
    const answer = this.#context.queues
      .queueOf({ topic, partition })
      .then((queue) => queue.send({ topic, partition, batch: batch.bytes }))
    answer.catch(() => undefined)
    return answer
  }

  async #settleAll(): Promise<void> {
    while (this.#window.length > 0) await this.#settleOldest()
  }

  async #settleOldest(): Promise<void> {
    const beganMs = this.#context.clock.monotonicMs()
    for (let attempt = 1; ; attempt++) {
      const oldest = this.#window[0] as Sent
      const failure = await this.#failureOf(oldest)
      if (!failure) {
        this.#window.shift()
        this.#written += oldest.batch.records
        this.#context.onWritten(oldest.batch.records, oldest.batch.bytes.length)
        // What was sent again goes one by one: a new batch would get ahead of it, out of sequence.
        if (attempt > 1) await this.#settleAll()
        return
      }
      const waitedMs = this.#context.clock.monotonicMs() - beganMs
      if (!failure.retryable || waitedMs > RETRY.giveUpAfterMs) throw failure
      await this.#resend(failure, attempt)
    }
  }

  /** The reason why a batch was not written, or undefined when it was, at the offset where it belongs. */
  async #failureOf(sent: Sent): Promise<KafkaBackupError | undefined> {
    let produced: ProducedPartition
    try {
      produced = await sent.answer
    } catch (error) {
      if (isKafkaBackupError(error)) return error
      throw error
    }
    if (produced.errorCode === 0) return this.#assertOffset(sent, produced)
    if (produced.errorCode === DUPLICATE_SEQUENCE) return undefined
    return this.#errorOf(produced)
  }

  #assertOffset(sent: Sent, produced: ProducedPartition): KafkaBackupError | undefined {
    if (produced.baseOffset === sent.targetOffset) return undefined
    const { topic, partition } = this.#place
    return new KafkaBackupError(
      'KB_TARGET_CHANGED',
      `${partitionName({ topic, partition })}: a batch was written at offset ${produced.baseOffset}, expected ${sent.targetOffset}: something else writes to this topic, or a broker was killed and took a batch twice`,
      { context: { topic, partition, offset: produced.baseOffset.toString() } },
    )
  }

  /** Everything that is under way is waited for, then sent again in order: the broker drops what it has. */
  async #resend(failure: KafkaBackupError, attempt: number): Promise<void> {
    const { clock, signal, observe, queues } = this.#context
    await Promise.allSettled(this.#window.map((sent) => sent.answer))
    const what = partitionName(this.#place)
    observe({ type: 'retry_scheduled', what, reason: failure.message, attempt })
    await clock.sleep(backoffDelayMs(RETRY, attempt), signal)
    queues.forgetLeaders()
    let previous: Promise<unknown> = Promise.resolve()
    for (const sent of this.#window) {
      sent.answer = this.#sendAfter(previous, sent)
      previous = sent.answer
    }
  }

  /** Sends only when the batch before was written: after a failure nothing may get ahead. */
  #sendAfter(previous: Promise<unknown>, sent: Sent): Promise<ProducedPartition> {
    const answer = previous.then(async () => {
      const produced = await this.#send(sent.batch)
      if (produced.errorCode === 0 || produced.errorCode === DUPLICATE_SEQUENCE) return produced
      throw this.#errorOf(produced)
    })
    answer.catch(() => undefined)
    return answer
  }

  #errorOf(produced: ProducedPartition): KafkaBackupError {
    const { topic, partition } = this.#place
    const detail = produced.errorMessage === null ? '' : ` (${produced.errorMessage})`
    return brokerError(produced.errorCode, `writing ${topic}/${partition}${detail}`, { topic, partition })
  }
}
