import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { TargetPlace } from '../format/restore-ledger.ts'
import { partitionName } from '../kafka/cluster.ts'
import { parseControlType } from '../protocol/control-record.ts'
import { assertBatch, type BatchCursor, verifyCrc } from '../protocol/record-batch.ts'
import { sequenceAt } from './sequence.ts'

/** A process that wrote to this partition: what its batches say of the stream. */
export interface TailWriter {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** Position of the record with sequence 0. */
  readonly basePosition: bigint
}

/** Records of the stream that stand in the target: from `position` on, at `targetOffset`. */
export interface WrittenPiece {
  readonly position: bigint
  readonly targetOffset: bigint
  readonly records: number
}

/** What the end of a target partition says. */
export interface TargetTail {
  /** Records of the stream that are in the target for good. */
  readonly position: bigint
  /** Behind the last record of ours. */
  readonly nextOffset: bigint
  /** Those that the ledger does not know yet, in order. */
  readonly pieces: readonly WrittenPiece[]
  /** Offset of the first record that is not ours; null: there is none. */
  readonly foreignOffset: bigint | null
  /** A transaction of ours whose marker was not seen: the scan came too early. */
  readonly isOpen: boolean
}

interface PendingBatch {
  readonly baseOffset: bigint
  readonly baseSequence: number
  readonly records: number
  readonly writer: TailWriter
}

/**
 * Recognises the batches of a restore in the log of a target partition, from where the ledger ends to the end of the log.
 * Batches of a transaction count when its commit marker is there. Their sequences must continue the stream without a hole.
 */
export class TailScan {
  readonly #place: TargetPlace
  readonly #writers: readonly TailWriter[]
  readonly #pieces: WrittenPiece[] = []
  #pending: PendingBatch[] = []
  #position: bigint
  #nextOffset: bigint
  #foreignOffset: bigint | null = null

  constructor(
    place: TargetPlace,
    writers: readonly TailWriter[],
    begin: { readonly position: bigint; readonly nextOffset: bigint },
  ) {
    this.#place = place
    this.#writers = writers
    this.#position = begin.position
    this.#nextOffset = begin.nextOffset
  }

  /** Takes the batch under the cursor; batches come in the order of the log. @throws KB_TARGET_CHANGED */
  add(cursor: BatchCursor): void {
    if (cursor.lastOffset < this.#nextOffset) return
    verifyCrc(cursor)
    assertBatch(cursor)
    const writer = this.#writerOf(cursor)
    if (cursor.isControl) {
      this.#end(cursor)
      return
    }
    if (!writer) {
      if (cursor.recordCount > 0) this.#foreignOffset ??= cursor.baseOffset
      return
    }
    const { baseOffset, baseSequence, recordCount: records } = cursor
    const batch = { baseOffset, baseSequence, records, writer }
    if (cursor.isTransactional) this.#pending.push(batch)
    else this.#apply(batch)
  }

  finish(): TargetTail {
    return {
      position: this.#position,
      nextOffset: this.#nextOffset,
      pieces: this.#pieces,
      foreignOffset: this.#foreignOffset,
      isOpen: this.#pending.length > 0,
    }
  }

  #writerOf(cursor: BatchCursor): TailWriter | undefined {
    const { producerId, producerEpoch } = cursor
    return this.#writers.find(
      (writer) => writer.producerId === producerId && writer.producerEpoch === producerEpoch,
    )
  }

  /** A marker ends the transaction of its producer; an abort may carry a later epoch than the batches. */
  #end(cursor: BatchCursor): void {
    const { producerId } = cursor
    const own = this.#pending.filter((batch) => batch.writer.producerId === producerId)
    if (own.length === 0) return
    this.#pending = this.#pending.filter((batch) => batch.writer.producerId !== producerId)
    if (parseControlType(cursor) === 'commit') for (const batch of own) this.#apply(batch)
  }

  #apply(batch: PendingBatch): void {
    const expected = sequenceAt(this.#position, batch.writer.basePosition)
    if (batch.baseSequence !== expected) throw this.#outOfStep(batch, expected)
    const { baseOffset: targetOffset, records } = batch
    const last = this.#pieces.at(-1)
    if (last && last.targetOffset + BigInt(last.records) === targetOffset)
      this.#pieces[this.#pieces.length - 1] = { ...last, records: last.records + records }
    else this.#pieces.push({ position: this.#position, targetOffset, records })
    this.#position += BigInt(records)
    this.#nextOffset = targetOffset + BigInt(records)
  }

  #outOfStep(batch: PendingBatch, expected: number): KafkaBackupError {
    return new KafkaBackupError(
      'KB_TARGET_CHANGED',
      `${partitionName(this.#place)}: the batch at offset ${batch.baseOffset} has sequence ${batch.baseSequence}, expected ${expected}: it does not follow what this restore wrote before`,
      { context: { ...this.#place, offset: batch.baseOffset.toString() } },
    )
  }
}
