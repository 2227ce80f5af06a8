import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { StatisticsCollector } from '../format/batch-statistics.ts'
import type { AbortedEntry, BatchStatistics, LeaderEpochStart } from '../format/segment-index.ts'
import type { LastBatch, OffsetInterval } from '../format/segment-record.ts'
import {
  type AbortedTransaction,
  AbortedTransactionTracker,
} from '../protocol/aborted-transaction-tracker.ts'
import type { AbortedTransactions } from '../protocol/aborted-transactions.ts'
import { readRecords } from '../protocol/record.ts'
import { assertBatch, BatchCursor, verifyCrc } from '../protocol/record-batch.ts'
import { type EpochHistory, lastEpochOf } from '../repository/epoch-history.ts'
import type { AnchorBatch } from './backup-plan.ts'

/** A frame holds at least this much, unless a checkpoint is due, the data ends, or thousands of partitions wait at once. */
export const FRAME_MIN_BYTES = 1024 * 1024
/** Target of a partition that is read until the run is stopped: above every offset that Kafka can give. */
export const NO_TARGET = 2n ** 63n - 1n
/** A frame is cut before a batch that would take it above this. */
export const FRAME_MAX_BYTES = 4 * 1024 * 1024

/** Batches that become one data frame. `isBorrowed`: some chunks are slices of the buffer that was handed in. */
export interface CutFrame {
  readonly kind: 'frame'
  readonly chunks: readonly Buffer[]
  readonly rawBytes: number
  readonly isCompressible: boolean
  readonly isBorrowed: boolean
  /** Next offset of the partition before this frame. */
  readonly beginOffset: bigint
  readonly holes: readonly OffsetInterval[]
  readonly lastBatch: LastBatch
  readonly statistics: BatchStatistics
}

/** Offsets that a log without compaction should hold and does not. */
export interface MissingOffsets {
  readonly kind: 'missing'
  readonly firstOffset: bigint
  readonly endOffset: bigint
}

/** What the intake needs to know of its partition. Offsets: first wanted, and end (exclusive). */
export interface IntakeOptions {
  readonly beginOffset: bigint
  readonly targetOffset: bigint
  /** cleanup.policy holds `compact`: holes between batches are legal. */
  readonly isCompacted: boolean
  /** Must be found in front of `beginOffset` before anything is taken. */
  readonly anchor: AnchorBatch | null
  /** Of what was read before. */
  readonly epochs: EpochHistory
  /** A frame is cut at the first response border at or after this many bytes. */
  readonly frameMinBytes: number
  /** Who knows what was aborted; default: the lists of a broker and the markers among its batches. */
  readonly transactions?: AbortedTransactions | undefined
}

/** What a leader sent for one partition: batches in [begin, end) of `buffer`. Offsets as in the answer, -1 when absent. */
export interface PartitionAnswer {
  readonly buffer: Buffer
  readonly begin: number
  readonly end: number
  readonly aborted: readonly AbortedTransaction[]
  readonly logStartOffset: bigint
}

/** Where an answer leads. `lastEpoch`: of the batch that ends at `nextOffset`; -1 when unknown. */
export interface ForeseenAnswer {
  readonly nextOffset: bigint
  readonly lastEpoch: number
  readonly isAtTarget: boolean
}

/**
 * Takes what a leader sent for one partition: checks every batch, follows the offsets, and cuts frames. Synchronous, so
 * that the next fetch can be sent as soon as `nextOffset` is known.
 */
export class BatchIntake {
  #nextOffset: bigint
  readonly #targetOffset: bigint
  readonly #isCompacted: boolean
  readonly #frameMinBytes: number
  readonly #cursor = new BatchCursor()
  readonly #foreseeingCursor = new BatchCursor()
  readonly #collector = new StatisticsCollector()
  #tracker: AbortedTransactions
  /** Trackers by the first offset they know; offsets that were jumped over may have held a marker. */
  readonly #trackers: { readonly fromOffset: bigint; readonly tracker: AbortedTransactions }[]
  #frameBegin: bigint
  #holes: OffsetInterval[] = []
  #pending: Buffer[] = []
  #isEndDeclared = false
  #anchor: AnchorBatch | null
  #lastBatch: LastBatch = { baseOffset: -1n, crc: 0 }
  readonly #epochStarts: LeaderEpochStart[]
  #epochsEnd: bigint

  constructor(options: IntakeOptions) {
    this.#nextOffset = options.beginOffset
    this.#frameBegin = options.beginOffset
    this.#tracker = options.transactions ?? new AbortedTransactionTracker(options.beginOffset)
    this.#trackers = [{ fromOffset: options.beginOffset, tracker: this.#tracker }]
    this.#targetOffset = options.targetOffset
    this.#isCompacted = options.isCompacted
    this.#frameMinBytes = options.frameMinBytes
    this.#anchor = options.anchor
    this.#epochStarts = [...options.epochs.starts]
    this.#epochsEnd = options.epochs.nextOffset
  }

  /** First offset that was not taken yet. */
  get nextOffset(): bigint {
    return this.#nextOffset
  }

  /** Where to read: the next offset, or before it while what was read earlier is still to be compared. */
  get fetchOffset(): bigint {
    return this.#anchor?.lastOffset ?? this.#nextOffset
  }

  /** Leader epochs of this history so far. */
  get epochs(): EpochHistory {
    return { starts: this.#epochStarts, nextOffset: this.#epochsEnd }
  }

  /** Epoch of the batch that ends at {@link fetchOffset}; -1 when it is not known. Any other would tell of a divergence that is none. */
  get lastFetchedEpoch(): number {
    return this.#epochsEnd === this.fetchOffset ? lastEpochOf(this.epochs) : -1
  }

  /** True when everything below the target was taken or is known to hold no batch. */
  get isAtTarget(): boolean {
    return this.#anchor === null && (this.#isEndDeclared || this.#nextOffset >= this.#targetOffset)
  }

  /** True when the end was declared before the target: legal on compacted topics only. */
  get isShort(): boolean {
    return this.#nextOffset < this.#targetOffset
  }

  /** Bytes of batches that wait for a frame to fill. */
  get pendingBytes(): number {
    return this.#collector.rawBytes
  }

  /**
   * Takes the whole batches of an answer; a partial one at its end is ignored. A batch that cannot be taken
   * ends the answer too: what stands before it is returned, and the next answer begins with it.
   * @throws KB_BATCH_CORRUPT, KB_LIMIT_EXCEEDED, KB_FORMAT_UNSUPPORTED when that leaves nothing; nothing was changed then
   * @throws KB_SOURCE_REPLACED when the batch that was read last is another one now, or was where another begins
   */
  accept({ buffer, begin, end, aborted, logStartOffset }: PartitionAnswer): (CutFrame | MissingOffsets)[] {
    const cut: (CutFrame | MissingOffsets)[] = []
    const firstWanted = this.#nextOffset
    const cursor = this.#cursor.reset(buffer, begin, end)
    if (end > begin) this.#tracker.addAborted(aborted, firstWanted)
    let sliceBegin = begin
    const slice = () => buffer.subarray(sliceBegin, cursor.position)
    try {
      while (cursor.next()) {
        verifyCrc(cursor)
        assertBatch(cursor)
        if (this.#anchor) this.#compareWithAnchor(this.#anchor, cursor)
        if (cursor.baseOffset >= this.#targetOffset) {
          if (!this.#isCompacted && !this.isAtTarget) {
            cut.push(...this.#cutMissing(slice(), this.#targetOffset))
            sliceBegin = cursor.position
          }
          this.#isEndDeclared = true
          break
        }
        if (cursor.lastOffset < this.#nextOffset) {
          // Taken already: the anchor, or what a broker sends from the place it found. The list of aborted transactions is of what
          // was asked for, so a marker among these may end one of them.
          this.#tracker.addBatch(cursor)
          this.#keep(slice())
          sliceBegin = cursor.endPosition
          continue
        }
        this.#assertApart(cursor, logStartOffset)
        // A hole counts only when the leader had the wanted offset in its log and nothing there (docs/format/commit.md). Asked
        // again, it answers that the offset is gone.
        if (cursor.baseOffset > this.#nextOffset && logStartOffset > this.#nextOffset) break
        if (!this.#isCompacted && cursor.baseOffset > this.#nextOffset) {
          cut.push(...this.#cutMissing(slice(), cursor.baseOffset))
          sliceBegin = cursor.position
          // This list is of what overlaps the offsets before the hole, and a marker may lie in it. The next answer has one
          // for what follows.
          if (aborted.length > 0) break
        } else if (this.#isFull(cursor.byteLength)) {
          cut.push(this.#cutFrame(slice(), true))
          sliceBegin = cursor.position
        }
        this.#take(cursor)
      }
    } catch (error) {
      if (cut.length === 0 && this.#nextOffset === firstWanted) throw error
    }
    if (this.#collector.rawBytes >= this.#frameMinBytes) cut.push(this.#cutFrame(slice(), true))
    else this.#keep(slice())
    return cut
  }

  /**
   * Where an answer leads, by its batch headers alone: lets the next request go out before the batches are checked. What
   * {@link accept} makes of it counts; the answer to a request that was sent for another offset must be ignored.
   */
  foresee(buffer: Buffer, begin: number, end: number): ForeseenAnswer {
    const cursor = this.#foreseeingCursor.reset(buffer, begin, end)
    let nextOffset = this.#nextOffset
    let lastEpoch = -1
    try {
      while (cursor.next()) {
        if (cursor.baseOffset >= this.#targetOffset) return { nextOffset, lastEpoch, isAtTarget: true }
        const batchEnd = cursor.lastOffset + 1n
        if (batchEnd <= nextOffset) continue
        nextOffset = batchEnd
        lastEpoch = cursor.partitionLeaderEpoch
      }
    } catch {
      // accept() meets the same batch and says what is wrong with it.
    }
    return { nextOffset, lastEpoch, isAtTarget: nextOffset >= this.#targetOffset }
  }

  /** The rest as a frame of its own, however small. */
  flush(): CutFrame | undefined {
    return this.#collector.batches > 0 ? this.#cutFrame(Buffer.alloc(0), false) : undefined
  }

  /** The source has deleted the batch that was to be compared: nothing proves any more what stood there. */
  forgetAnchor(): void {
    this.#anchor = null
  }

  /** Goes on behind offsets that are gone; call {@link flush} before. */
  skipTo(offset: bigint): void {
    this.#nextOffset = offset
    this.#frameBegin = offset
    this.#tracker = new AbortedTransactionTracker(offset)
    this.#trackers.push({ fromOffset: offset, tracker: this.#tracker })
  }

  /**
   * The leader has shown that it holds nothing more below the target. On a compacted topic that is a hole, which the next run
   * finds in front of the first newer batch; elsewhere these offsets are missing, and are returned as such.
   */
  declareEnd(): (CutFrame | MissingOffsets)[] {
    const isMissing = !this.#isCompacted && !this.isAtTarget
    this.#isEndDeclared = true
    return isMissing ? this.#cutMissing(Buffer.alloc(0), this.#targetOffset) : []
  }

  /** Aborted transactions that overlap [beginOffset, endOffset), for the index of a segment that ends there. */
  abortedWithin(beginOffset: bigint, endOffset: bigint, stream: number): AbortedEntry[] {
    while (this.#trackers[1] && this.#trackers[1].fromOffset <= beginOffset) this.#trackers.shift()
    const tracker = this.#trackers[0]?.tracker ?? this.#tracker
    const ranges = tracker.ranges(beginOffset, endOffset)
    tracker.forgetBefore(endOffset)
    return ranges.map((range) => ({
      stream,
      producerId: range.producerId,
      firstOffset: range.firstOffset,
      endOffset: range.endOffset !== null && range.endOffset < endOffset ? range.endOffset : null,
    }))
  }

  #take(cursor: BatchCursor): void {
    const { baseOffset } = cursor
    const isAborted = cursor.isTransactional && !cursor.isControl && this.#tracker.isAborted(cursor)
    const visibleRecords = this.#visibleRecords(cursor)
    // Each of these two refuses a batch without having changed anything: one control batches, the other those with data.
    this.#tracker.addBatch(cursor)
    this.#collector.add(cursor, isAborted, this.#nextOffset, visibleRecords)
    if (baseOffset > this.#nextOffset) this.#holes.push([this.#nextOffset, baseOffset])
    this.#nextOffset = cursor.lastOffset + 1n
    this.#lastBatch = { baseOffset, crc: cursor.crc }
    this.#noteEpoch(cursor.partitionLeaderEpoch, baseOffset)
  }

  #noteEpoch(epoch: number, offset: bigint): void {
    if (epoch < 0) return
    this.#epochsEnd = this.#nextOffset
    if (epoch !== this.#epochStarts.at(-1)?.[0]) this.#epochStarts.push([epoch, offset])
  }

  /** A leader begins with the batch that holds the wanted offset, so the first one has to be the anchor, if it is still there. */
  #compareWithAnchor(anchor: AnchorBatch, cursor: BatchCursor): void {
    this.#anchor = null
    const isSame = cursor.baseOffset === anchor.baseOffset && cursor.crc === anchor.crc
    if (isSame || cursor.baseOffset > anchor.lastOffset || wasCleaned(cursor)) return
    this.#anchor = anchor
    throw new KafkaBackupError(
      'KB_SOURCE_REPLACED',
      `the batch at offset ${anchor.lastOffset} is not the one that was read before`,
      { context: { offset: anchor.lastOffset.toString() } },
    )
  }

  /**
   * Batches of one log do not overlap. A leader that has deleted all that was read here cannot say whether that was in its log, but a
   * batch that its log start cuts in two can.
   */
  #assertApart({ baseOffset, messageSet }: BatchCursor, logStartOffset: bigint): void {
    const isCut = messageSet === null && baseOffset < logStartOffset
    if (!isCut || this.#epochStarts.length === 0 || baseOffset >= this.#epochsEnd) return
    throw new KafkaBackupError(
      'KB_SOURCE_REPLACED',
      `a batch begins at offset ${baseOffset}, within what was read before, which ends at ${this.#epochsEnd}`,
      { context: { offset: baseOffset.toString() } },
    )
  }

  /** Records at or above the next offset; fewer than the batch holds when DeleteRecords cut into it. */
  #visibleRecords(cursor: BatchCursor): number {
    if (cursor.baseOffset >= this.#nextOffset || cursor.isControl) return cursor.recordCount
    let visible = 0
    for (const record of readRecords(cursor)) if (record.offset >= this.#nextOffset) visible++
    return visible
  }

  #isFull(nextBytes: number): boolean {
    return this.#collector.batches > 0 && this.#collector.rawBytes + nextBytes > FRAME_MAX_BYTES
  }

  #cutMissing(slice: Buffer, endOffset: bigint): (CutFrame | MissingOffsets)[] {
    const missing: MissingOffsets = { kind: 'missing', firstOffset: this.#nextOffset, endOffset }
    const frame = this.#collector.batches > 0 ? [this.#cutFrame(slice, true)] : []
    this.skipTo(endOffset)
    return [...frame, missing]
  }

  #cutFrame(slice: Buffer, isBorrowed: boolean): CutFrame {
    const rawBytes = this.#collector.rawBytes
    const isCompressible = this.#collector.uncompressedBytes * 2 >= rawBytes
    const statistics = this.#collector.take()
    const frame: CutFrame = {
      kind: 'frame',
      chunks: slice.length > 0 ? [...this.#pending, slice] : this.#pending,
      rawBytes,
      isCompressible,
      isBorrowed,
      beginOffset: this.#frameBegin,
      holes: this.#holes,
      lastBatch: this.#lastBatch,
      statistics,
    }
    this.#frameBegin = statistics.lastOffset + 1n
    this.#holes = []
    this.#pending = []
    return frame
  }

  /** Small slices are copied, so that a large response buffer is not held for their sake. */
  #keep(slice: Buffer): void {
    if (slice.length > 0) this.#pending.push(Buffer.from(slice))
  }
}

/**
 * Only the log cleaner leaves a batch with fewer records than offsets, or gives it a delete horizon: the topic was compacted
 * since, whatever it is now, and such a batch proves nothing.
 */
function wasCleaned(cursor: BatchCursor): boolean {
  if (cursor.messageSet !== null) return false
  return cursor.hasDeleteHorizon || cursor.recordCount !== cursor.lastOffsetDelta + 1
}
