import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { OffsetRun, TargetPlace } from '../format/restore-ledger.ts'
import { partitionName } from '../kafka/cluster.ts'
import { brokerError } from '../kafka/kafka-error.ts'
import type { ProducedPartition } from '../kafka/produce-api.ts'
import type { ProducerIdentity } from '../kafka/producer-id-api.ts'
import { patchForProduce } from '../protocol/batch-patch.ts'
import type { LaneBatch, SourceRun } from './lane-batch.ts'
import type { LeaderQueues } from './leader-queues.ts'
import type { OffsetExtent } from './offset-extent.ts'
import type { OffsetKeeper } from './offset-keeper.ts'
import { OffsetRuns } from './offset-runs.ts'
import { sequenceAt } from './sequence.ts'
import type { GatedLane, WriteGate } from './write-gate.ts'

/** What the lanes of one attempt share. */
export interface LaneContext {
  readonly queues: LeaderQueues
  readonly gate: WriteGate
  /** Ends the attempt for all lanes. */
  readonly fail: (error: unknown) => void
  readonly identity: ProducerIdentity
  readonly isTransactional: boolean
  /** Waits until the limits of speed let this much through. */
  readonly throttle: (records: number, bytes: number) => Promise<void>
  readonly onWritten: (records: number, bytes: number) => void
  /** Takes the offsets that no record has; null: records get what offsets come. */
  readonly offsets: OffsetKeeper | null
}

/** Where a lane begins in this attempt. */
export interface LaneBegin {
  /** Records of the stream that are in the target. */
  readonly position: bigint
  /** Position of the record that gets sequence 0. */
  readonly basePosition: bigint
  /** Offset that the next record must get; null: others write here too, so any may come. */
  readonly expectedOffset: bigint | null
  /** Behind the last record of ours. */
  readonly nextOffset: bigint
  /** Where the log has to begin and to end when every record keeps its offset. */
  readonly extent: OffsetExtent | null
}

/**
 * Writes one partition of the target in order, several batches under way. A batch whose fate is not known is never sent
 * again: the first failure ends the attempt, and the next one finds out from the target's log.
 */
export class WriteLane implements GatedLane {
  readonly place: TargetPlace
  readonly #context: LaneContext
  readonly #basePosition: bigint
  readonly #extent: OffsetExtent | null
  readonly #runs = new OffsetRuns()
  #sentPosition: bigint
  #position: bigint
  #nextOffset: bigint
  #expectedOffset: bigint | null
  #underWay = 0
  #reencoded = 0
  #isKnown = false
  #onRoom: (() => void) | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(context: LaneContext, place: TargetPlace, begin: LaneBegin) {
    this.#context = context
    this.place = place
    this.#basePosition = begin.basePosition
    this.#extent = begin.extent
    this.#sentPosition = begin.position
    this.#position = begin.position
    this.#nextOffset = begin.nextOffset
    this.#expectedOffset = begin.expectedOffset
  }

  /** Records of the stream that the target has confirmed. */
  get position(): bigint {
    return this.#position
  }

  /** Behind the last record of ours in the target. */
  get nextOffset(): bigint {
    return this.#nextOffset
  }

  /** What the end of the partition must be; null: others write here too. */
  get expectedOffset(): bigint | null {
    return this.#expectedOffset
  }

  get reencodedBatches(): number {
    return this.#reencoded
  }

  /** Runs of the offset map that are waiting to be taken. */
  get runCount(): number {
    return this.#runs.length
  }

  /** Records that an earlier attempt wrote, in order, before the first `write`: they are in the target below `position`. */
  adopt(runs: readonly SourceRun[], targetOffset: bigint): void {
    const sourceOffset = runs[0]?.firstOffset ?? targetOffset
    if (this.#extent !== null && sourceOffset !== targetOffset)
      throw this.#elsewhere(sourceOffset, targetOffset)
    this.#runs.place(runs, targetOffset)
  }

  takeRuns(): readonly OffsetRun[] {
    return this.#runs.take()
  }

  onCommitted(): void {
    if (this.#expectedOffset !== null) this.#expectedOffset++
  }

  /** Before the first batch. The log begins where it must afterwards. @throws what ended the attempt */
  async begin(): Promise<void> {
    const { offsets } = this.#context
    if (offsets === null || this.#extent === null || this.#expectedOffset === null) return
    const { beginOffset } = this.#extent
    await offsets.start(this.place, this.#expectedOffset, beginOffset)
    if (this.#expectedOffset < beginOffset) this.#expectedOffset = beginOffset
  }

  /** After the last batch: waits for it, and moves the end to where that of the source was. @throws what ended the attempt */
  async finish(): Promise<void> {
    await this.drain()
    if (this.#extent !== null) await this.#fillUpTo(this.#extent.endOffset)
  }

  /** Resolves when the batch is under way. @throws what ended the attempt */
  async write(batch: LaneBatch): Promise<void> {
    const firstOffset = batch.runs[0]?.firstOffset
    if (this.#extent !== null && firstOffset !== undefined) await this.#fillUpTo(firstOffset)
    await this.#context.throttle(batch.records, batch.bytes.length)
    await this.#room()
    await this.#context.gate.admit(this, batch.bytes.length)
    this.#underWay++
    patchForProduce(batch.bytes, 0, {
      ...this.#context.identity,
      baseSequence: sequenceAt(this.#sentPosition, this.#basePosition),
      isTransactional: this.#context.isTransactional,
    })
    this.#sentPosition += BigInt(batch.records)
    if (batch.isReencoded) this.#reencoded++
    this.#send(batch)
  }

  /** Resolves when everything that was sent is confirmed. @throws what ended the attempt */
  async drain(): Promise<void> {
    while (this.#underWay > 0 && !this.#failure) await this.#nextAnswer()
    if (this.#failure) throw this.#failure.error
  }

  async #fillUpTo(offset: bigint): Promise<void> {
    const { offsets } = this.#context
    if (offsets === null) return
    await this.drain()
    const from = this.#expectedOffset
    if (from === null || from === offset) return
    if (from > offset) throw this.#elsewhere(offset, from)
    await offsets.fill(this.place, from, offset)
    this.#expectedOffset = offset
  }

  /** A broker takes any first sequence of a producer it does not know: the first batch must be in before the next is sent. */
  async #room(): Promise<void> {
    const isFull = () => this.#underWay >= (this.#isKnown ? this.#context.gate.windowMax : 1)
    while (isFull() && !this.#failure) await this.#nextAnswer()
    if (this.#failure) throw this.#failure.error
  }

  #nextAnswer(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = resolve
    })
  }

  #send(batch: LaneBatch): void {
    const { topic, partition } = this.place
    this.#context.queues
      .queueOf(this.place)
      .then((queue) => queue.send({ topic, partition, batch: batch.bytes }))
      .then((produced) => this.#confirm(batch, produced))
      .catch((error) => {
        this.#failure ??= { error }
        this.#context.fail(error)
      })
      .finally(() => {
        this.#underWay--
        this.#onRoom?.()
      })
  }

  #confirm(batch: LaneBatch, produced: ProducedPartition): void {
    if (produced.errorCode !== 0) throw this.#refusal(produced)
    const { baseOffset } = produced
    if (this.#expectedOffset !== null && baseOffset !== this.#expectedOffset)
      throw this.#misplaced(baseOffset)
    const nextOffset = baseOffset + BigInt(batch.records)
    this.#runs.place(batch.runs, baseOffset)
    this.#position += BigInt(batch.records)
    this.#nextOffset = nextOffset
    if (this.#expectedOffset !== null) this.#expectedOffset = nextOffset
    this.#isKnown = true
    this.#context.onWritten(batch.records, batch.bytes.length)
    this.#context.gate.settled(this)
  }

  #refusal(produced: ProducedPartition): KafkaBackupError {
    const { topic, partition } = this.place
    const detail = produced.errorMessage === null ? '' : ` (${produced.errorMessage})`
    return brokerError(produced.errorCode, `writing ${topic}/${partition}${detail}`, { topic, partition })
  }

  #elsewhere(sourceOffset: bigint, targetOffset: bigint): KafkaBackupError {
    return new KafkaBackupError(
      'KB_TARGET_CHANGED',
      `${partitionName(this.place)}: what had offset ${sourceOffset} comes to offset ${targetOffset} here: something else writes to this topic`,
      { context: { ...this.place, offset: targetOffset.toString() } },
    )
  }

  /**
   * A coordinator that takes over from one that died writes the markers of a transaction again: offsets without a record. The next
   * attempt sees in the log whether it was that; without transactions it cannot have been.
   */
  #misplaced(baseOffset: bigint): KafkaBackupError {
    const where = `${partitionName(this.place)}: a batch was written at offset ${baseOffset}, expected ${this.#expectedOffset}`
    const context = { ...this.place, offset: baseOffset.toString() }
    if (this.#context.isTransactional) return new KafkaBackupError('KB_BROKER_TRANSIENT', where, { context })
    return new KafkaBackupError('KB_TARGET_CHANGED', `${where}: something else writes to this topic`, {
      context,
    })
  }
}
