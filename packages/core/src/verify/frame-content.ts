import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { StatisticsCollector } from '../format/batch-statistics.ts'
import { minTimestampOfFrame } from '../format/frame-minimum.ts'
import type { BatchStatistics, FrameEntry, SegmentIndex } from '../format/segment-index.ts'
import type { SegmentPart } from '../format/segment-record.ts'
import { AbortedTransactionFilter } from '../protocol/aborted-transactions.ts'
import { readRecords } from '../protocol/record.ts'
import { assertBatch, BatchCursor, verifyCrc } from '../protocol/record-batch.ts'
import { LIMITS } from '../runtime/limits.ts'
import { OffsetSteps } from './offset-steps.ts'

/** Checks the batches of one part, frame after frame. */
export class PartContent {
  readonly #part: SegmentPart
  readonly #filter: AbortedTransactionFilter
  readonly #steps: OffsetSteps
  readonly #cursor = new BatchCursor()

  constructor(part: SegmentPart, stream: number, index: SegmentIndex) {
    this.#part = part
    this.#filter = new AbortedTransactionFilter(index.aborted.filter((entry) => entry.stream === stream))
    this.#steps = new OffsetSteps(part)
  }

  /**
   * Every batch of the frame: checksum, structure, place in the row of offsets; and what the index says of all of them, and what is kept
   * beside it of the smallest timestamp.
   * @throws KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT, KB_FORMAT_UNSUPPORTED, KB_LIMIT_EXCEEDED
   */
  assertFrame(frame: FrameEntry, batches: Buffer, keptMinimumMs: bigint | null = null): void {
    const collector = new StatisticsCollector()
    const cursor = this.#cursor.reset(batches)
    while (cursor.next()) {
      verifyCrc(cursor)
      assertBatch(cursor)
      this.#take(cursor, collector)
    }
    if (cursor.partialBytes > 0) throw corrupt(`${cursor.partialBytes} bytes behind the last batch`)
    if (collector.batches === 0) throw corrupt('there is no batch')
    const found = collector.take()
    assertSameStatistics(frame, found)
    assertSameMinimum(frame.minTimestampMs, 'in the index', found, batches)
    if (frame.minTimestampMs === null) assertSameMinimum(keptMinimumMs, 'beside the segment', found, batches)
  }

  /** Goes on behind a frame that could not be checked. */
  skip(frame: FrameEntry): void {
    this.#steps.skipTo(frame.lastOffset + 1n)
  }

  /** @throws KB_SEGMENT_CORRUPT when the commit lists holes that are none */
  assertDone(): void {
    if (!this.#steps.isDone) throw corrupt('the commit lists a hole where there are batches')
  }

  #take(cursor: BatchCursor, collector: StatisticsCollector): void {
    const { baseOffset, lastOffset } = cursor
    // Records before the part may be in its first batch: they had been deleted at the source.
    const isCut = this.#steps.nextOffset === this.#part.beginOffset && baseOffset < this.#part.beginOffset
    const isNext = isCut ? lastOffset >= this.#part.beginOffset : this.#steps.reaches(baseOffset)
    if (!isNext) {
      throw corrupt(`a batch has offsets ${baseOffset} to ${lastOffset}, expected ${this.#steps.nextOffset}`)
    }
    const floorOffset = this.#steps.nextOffset
    const isAborted = !cursor.isControl && this.#filter.drops(cursor)
    collector.add(cursor, isAborted, floorOffset, visibleRecords(cursor, floorOffset))
    this.#steps.nextOffset = lastOffset + 1n
  }
}

function visibleRecords(cursor: BatchCursor, floorOffset: bigint): number {
  if (cursor.baseOffset >= floorOffset || cursor.isControl) return cursor.recordCount
  let visible = 0
  for (const record of readRecords(cursor)) if (record.offset >= floorOffset) visible++
  return visible
}

function assertSameStatistics(entry: FrameEntry, found: BatchStatistics): void {
  const fields = [
    'firstOffset',
    'lastOffset',
    'batches',
    'controlBatches',
    'records',
    'abortedRecords',
    'maxTimestampMs',
    'largestBatchBytes',
    'codecs',
  ] as const
  for (const field of fields) assertSame(field, String(entry[field]), String(found[field]))
  assertSame('leaderEpochs', String(entry.leaderEpochs), String(found.leaderEpochs))
}

/** An index may say that it is unknown. What it says else is compared, if need be by decompressing: windows pass over records by it. */
function assertSameMinimum(
  recordedMs: bigint | null,
  place: string,
  found: BatchStatistics,
  batches: Buffer,
): void {
  if (recordedMs === null) return
  const minimum = found.minTimestampMs ?? minTimestampOfFrame(batches, LIMITS.batchMaxRawBytes)
  assertSame('minTimestampMs', String(recordedMs), String(minimum), place)
}

function assertSame(field: string, recorded: string, found: string, place = 'in the index'): void {
  if (recorded === found) return
  throw corrupt(`${field} is ${recorded} ${place} and ${found} in the batches`)
}

function corrupt(message: string): KafkaBackupError {
  return new KafkaBackupError('KB_SEGMENT_CORRUPT', message)
}
