import { minEffectiveTimestamp } from '../protocol/effective-timestamp.ts'
import type { BatchCursor } from '../protocol/record-batch.ts'
import { invariant } from '../runtime/invariant.ts'
import type { BatchStatistics, LeaderEpochStart } from './segment-index.ts'

/** Collects what a frame's index entry says of its batches. Used when a frame is written and again when it is verified. */
export class StatisticsCollector {
  #firstOffset = -1n
  #lastOffset = -1n
  #batches = 0
  #controlBatches = 0
  #records = 0
  #abortedRecords = 0
  #minTimestampMs: bigint | null = null
  #isMinKnown = true
  #maxTimestampMs = -1n
  #leaderEpochs: LeaderEpochStart[] = []
  #largestBatchBytes = 0
  #uncompressedBytes = 0
  #rawBytes = 0
  readonly #codecs = new Set<string>()

  get batches(): number {
    return this.#batches
  }

  get rawBytes(): number {
    return this.#rawBytes
  }

  /** Bytes of batches that no producer compressed. */
  get uncompressedBytes(): number {
    return this.#uncompressedBytes
  }

  /**
   * Takes the current batch, which was checked already. Records below `floorOffset` were deleted at the source and do not
   * count; `visibleRecords` says how many are left when the batch begins below it.
   */
  add(
    cursor: BatchCursor,
    isAborted: boolean,
    floorOffset: bigint,
    visibleRecords = cursor.recordCount,
  ): void {
    const { baseOffset, lastOffset, partitionLeaderEpoch: epoch, codec } = cursor
    // Throws for records that cannot be read: before anything is counted.
    const minTimestampMs = readableMinTimestamp(cursor)
    if (this.#batches === 0) this.#firstOffset = baseOffset < floorOffset ? floorOffset : baseOffset
    this.#lastOffset = lastOffset
    this.#batches++
    this.#rawBytes += cursor.byteLength
    if (codec === 'none') this.#uncompressedBytes += cursor.byteLength
    if (cursor.byteLength > this.#largestBatchBytes) this.#largestBatchBytes = cursor.byteLength
    if (this.#leaderEpochs.at(-1)?.[0] !== epoch) {
      this.#leaderEpochs.push([epoch, baseOffset < floorOffset ? floorOffset : baseOffset])
    }
    this.#codecs.add(codec)
    if (cursor.isControl) {
      this.#controlBatches++
      return
    }
    if (isAborted) this.#abortedRecords += visibleRecords
    else this.#records += visibleRecords
    this.#addTimestamps(cursor, minTimestampMs)
  }

  /** What was collected since the last call. */
  take(): BatchStatistics {
    invariant(this.#batches > 0, 'statistics of no batch')
    const statistics: BatchStatistics = {
      firstOffset: this.#firstOffset,
      lastOffset: this.#lastOffset,
      batches: this.#batches,
      controlBatches: this.#controlBatches,
      records: this.#records,
      abortedRecords: this.#abortedRecords,
      minTimestampMs: this.#isMinKnown ? this.#minTimestampMs : null,
      maxTimestampMs: this.#maxTimestampMs,
      leaderEpochs: this.#leaderEpochs,
      largestBatchBytes: this.#largestBatchBytes,
      codecs: [...this.#codecs].sort(),
    }
    this.#reset()
    return statistics
  }

  #addTimestamps(cursor: BatchCursor, minTimestampMs: bigint | null): void {
    if (cursor.recordCount === 0) return
    if (cursor.maxTimestamp > this.#maxTimestampMs) this.#maxTimestampMs = cursor.maxTimestamp
    if (minTimestampMs === null) this.#isMinKnown = false
    else if (this.#minTimestampMs === null || minTimestampMs < this.#minTimestampMs) {
      this.#minTimestampMs = minTimestampMs
    }
  }

  #reset(): void {
    this.#batches = 0
    this.#controlBatches = 0
    this.#records = 0
    this.#abortedRecords = 0
    this.#minTimestampMs = null
    this.#isMinKnown = true
    this.#maxTimestampMs = -1n
    this.#leaderEpochs = []
    this.#largestBatchBytes = 0
    this.#uncompressedBytes = 0
    this.#rawBytes = 0
    this.#codecs.clear()
  }
}

/**
 * Null when there is none, and for a compressed batch: it needs its records, and is left to whoever decompresses them. A
 * message set was looked through already, for its first offset.
 */
function readableMinTimestamp(cursor: BatchCursor): bigint | null {
  if (cursor.isControl) return null
  const isReadable = cursor.isLogAppendTime || cursor.codecId === 0 || cursor.messageSet !== null
  return isReadable ? minEffectiveTimestamp(cursor, cursor.body) : null
}
