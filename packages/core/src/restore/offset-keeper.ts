import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { TargetPlace } from '../format/restore-ledger.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import { brokerError } from '../kafka/kafka-error.ts'
import { type PartitionReaderOptions, readPartition } from '../kafka/partition-reader.ts'
import { BatchCursor } from '../protocol/record-batch.ts'
import type { Clock } from '../runtime/clock.ts'
import { type RetryPolicy, retry } from '../runtime/retry.ts'
import { FILLER_MAX_RECORDS, fillerBatch } from './filler-batch.ts'
import type { GapMethod, GapWriter } from './gap-writer.ts'
import type { LeaderQueues } from './leader-queues.ts'
import { deleteFiller, startMethods } from './offset-start.ts'

/** What took offsets that no record has. */
export type FillKind = 'filler' | GapMethod

/** What one attempt keeps offsets with. */
export interface OffsetKeeperOptions extends PartitionReaderOptions {
  readonly cluster: Cluster
  readonly queues: LeaderQueues
  readonly gaps: GapWriter
  /** Offsets that markers may take for the start of a partition whose records cannot be deleted. */
  readonly gapMax: number
  /** Waits until filler may be sent, whose records count as none: they are deleted again. */
  readonly throttle: (records: number, bytes: number, signal: AbortSignal) => Promise<void>
  readonly onFilled: (kind: FillKind, offsets: number) => void
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Ends when the run is interrupted: nothing new is begun then. */
  readonly interruption: AbortSignal
}

/** The log grows by so many filler batches before they are deleted. */
const DELETE_EVERY_BATCHES = 16
const TOO_LARGE: ReadonlySet<number> = new Set([10, 18])
/** The markers of a transaction may still be on their way when its end is confirmed. */
const END_RETRY: RetryPolicy = { firstDelayMs: 5, maxDelayMs: 500, giveUpAfterMs: 30_000 }

/**
 * Takes the offsets of a target partition that no record has. One request of a partition is under way at a time, and after each gap
 * the end of the log is looked at. Any failure ends the attempt: the next one goes on from where the log ends then.
 */
export class OffsetKeeper {
  readonly #options: OffsetKeeperOptions
  #fillerRecords = FILLER_MAX_RECORDS
  #filler: Buffer | undefined

  constructor(options: OffsetKeeperOptions) {
    this.#options = options
  }

  /**
   * Moves the log, which ends at `end`, to where its first record belongs. Nothing that is not a marker lies below `begin` then.
   * @throws KB_TARGET_CHANGED when something else writes, KB_CLUSTER_PERMISSION when neither way is open
   */
  async start(place: TargetPlace, end: bigint, begin: bigint): Promise<void> {
    const { cluster } = this.#options
    const name = partitionName(place)
    if (begin === 0n) return
    const logStart = (await cluster.listOffsets('log_start', [place])).get(name) ?? 0n
    if (logStart >= begin) return
    const method = (await startMethods(cluster, [place.topic])).get(place.topic)
    if (method === 'markers') return this.#startByMarkers(place, { logStart, end, begin })
    await this.#append(place, end, begin)
    await deleteFiller(cluster, [{ ...place, beginOffset: begin }], this.#options)
  }

  /** Takes the offsets from `from`, where the log ends, to below `to`. */
  async fill(place: TargetPlace, from: bigint, to: bigint): Promise<void> {
    const { gaps, signal, onFilled } = this.#options
    if (from === to) return
    for (let end = from; end < to; ) {
      this.#options.interruption.throwIfAborted()
      const taken = await gaps.append(place, to - end, signal)
      end += taken
      onFilled(gaps.method, Number(taken))
    }
    await this.#assertEnd(place, to)
  }

  /** Filler from an earlier run, when records could still be deleted, must not become records of the topic. */
  async #startByMarkers(
    place: TargetPlace,
    log: { readonly logStart: bigint; readonly end: bigint; readonly begin: bigint },
  ): Promise<void> {
    const { logStart, end, begin } = log
    const known = end < begin ? end : begin
    if (logStart < known) await this.#assertMarkersOnly(place, logStart, known)
    if (end >= begin) return
    if (begin - end > BigInt(this.#options.gapMax)) throw this.#cannotStart(place, begin - end)
    await this.fill(place, end, begin)
  }

  async #append(place: TargetPlace, from: bigint, begin: bigint): Promise<void> {
    const { cluster, queues, interruption, onFilled, throttle } = this.#options
    let batches = 0
    for (let end = from; end < begin; ) {
      interruption.throwIfAborted()
      const left = begin - end
      const records = left < BigInt(this.#fillerRecords) ? Number(left) : this.#fillerRecords
      const batch = this.#batch(records)
      await throttle(0, batch.length, interruption)
      const queue = await queues.queueOf(place)
      const produced = await queue.send({ ...place, batch })
      const { errorCode, baseOffset } = produced
      if (TOO_LARGE.has(errorCode) && records > 1) {
        this.#fillerRecords = Math.ceil(records / 2)
        continue
      }
      const doing = `moving the end of ${partitionName(place)}`
      if (errorCode !== 0) throw brokerError(errorCode, doing, { ...place, says: produced.errorMessage })
      if (baseOffset !== end) throw misplaced(place, baseOffset, end)
      end += BigInt(records)
      onFilled('filler', records)
      if (++batches % DELETE_EVERY_BATCHES === 0) await cluster.deleteRecords([{ ...place, offset: end }])
    }
  }

  #batch(records: number): Buffer {
    const { clock } = this.#options
    if (records !== this.#fillerRecords) return fillerBatch(records, clock.nowMs())
    if (this.#filler?.readInt32BE(RECORD_COUNT_POSITION) !== records)
      this.#filler = fillerBatch(records, clock.nowMs())
    return this.#filler as Buffer
  }

  async #assertEnd(place: TargetPlace, expected: bigint): Promise<void> {
    const { cluster, clock, signal } = this.#options
    await retry(
      async () => {
        const end = (await cluster.listOffsets('high_watermark', [place])).get(partitionName(place)) ?? 0n
        if (end > expected) throw misplaced(place, end, expected)
        if (end === expected) return
        throw new KafkaBackupError(
          'KB_BROKER_TRANSIENT',
          `${partitionName(place)} ends at offset ${end}, expected ${expected}: not every marker was written`,
          { context: { ...place } },
        )
      },
      { policy: END_RETRY, clock, signal },
    )
  }

  async #assertMarkersOnly(place: TargetPlace, beginOffset: bigint, endOffset: bigint): Promise<void> {
    const cursor = new BatchCursor()
    for await (const { bytes } of readPartition(this.#options, { ...place, beginOffset, endOffset })) {
      for (cursor.reset(bytes); cursor.next(); ) {
        if (cursor.isControl || cursor.recordCount === 0 || cursor.lastOffset < beginOffset) continue
        throw new KafkaBackupError(
          'KB_TARGET_CHANGED',
          `${partitionName(place)} holds records below offset ${endOffset}, where this restore begins, and they cannot be deleted`,
          { context: { ...place, offset: cursor.baseOffset.toString() } },
        )
      }
    }
  }

  #cannotStart(place: TargetPlace, offsets: bigint): KafkaBackupError {
    return new KafkaBackupError(
      'KB_CLUSTER_PERMISSION',
      `${partitionName(place)}: its log cannot be moved up by ${offsets} offsets: records of the topic cannot be deleted, and that is more than restore.keep_offsets_max_gap=${this.#options.gapMax} for markers`,
      { context: { ...place } },
    )
  }
}

const RECORD_COUNT_POSITION = 57

function misplaced(place: TargetPlace, offset: bigint, expected: bigint): KafkaBackupError {
  return new KafkaBackupError(
    'KB_TARGET_CHANGED',
    `${partitionName(place)} ends at offset ${offset}, expected ${expected}: something else writes to this topic`,
    { context: { ...place, offset: offset.toString() } },
  )
}
