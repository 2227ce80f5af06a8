import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { isProducible } from '../protocol/batch-patch.ts'
import { type KafkaRecord, readRecords } from '../protocol/record.ts'
import { assertBatch, BatchCursor, verifyCrc } from '../protocol/record-batch.ts'
import { isWholeFrame, type LoadedFrame } from './frame-source.ts'
import { isInWindow } from './time-window.ts'

/** A batch of the source of which some records are wanted; the cursor stands on it until the next one is asked for. */
export interface WantedBatch {
  readonly cursor: BatchCursor
  /** True when the batch may be produced as it is, after its header was patched. */
  readonly isIntact: boolean
  /** The wanted records, decoded when they are asked for. */
  records(): KafkaRecord[]
}

/**
 * The committed data of a frame, in order: each batch against its CRC, without control batches and aborted data, and without
 * what offsets and times exclude. When all of the frame is wanted, its records are counted against the index.
 * @throws KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT
 */
export function* wantedBatches(frame: LoadedFrame): Generator<WantedBatch> {
  const isWhole = isWholeFrame(frame)
  let records = 0
  for (const cursor of visibleBatches(frame)) {
    const wanted = wantedBatch(cursor, frame)
    if (!wanted) continue
    if (isWhole) records += wanted.isIntact ? cursor.recordCount : wanted.records().length
    yield wanted
  }
  if (isWhole && records !== frame.entry.records) throw outside(frame, frame.batches.length)
}

/** One cursor, put on each batch that is neither control nor aborted. */
function* visibleBatches(frame: LoadedFrame): Generator<BatchCursor> {
  const { entry, filter, batches } = frame
  const cursor = new BatchCursor(batches)
  while (cursor.next()) {
    verifyCrc(cursor)
    assertBatch(cursor)
    if (cursor.lastOffset < entry.firstOffset || cursor.lastOffset > entry.lastOffset)
      throw outside(frame, cursor.position)
    if (!filter.drops(cursor)) yield cursor
  }
  if (cursor.partialBytes > 0) throw outside(frame, cursor.position)
}

function wantedBatch(cursor: BatchCursor, frame: LoadedFrame): WantedBatch | undefined {
  const { entry, endOffset, window } = frame
  const beginOffset = frame.beginOffset ?? entry.firstOffset
  const { baseOffset, lastOffset } = cursor
  if (lastOffset < beginOffset || (endOffset !== null && baseOffset >= endOffset)) return
  // The largest timestamp of a batch is in its header; the smallest is not.
  if (window?.fromMs != null && cursor.messageSet === null && cursor.maxTimestamp < window.fromMs) return
  const isCut = baseOffset < beginOffset || (endOffset !== null && lastOffset >= endOffset) || window !== null
  let decoded: KafkaRecord[] | undefined
  const isWanted = ({ offset, timestamp }: KafkaRecord): boolean =>
    offset >= beginOffset &&
    (endOffset === null || offset < endOffset) &&
    (window === null || isInWindow(timestamp, window))
  return {
    cursor,
    isIntact: !isCut && isProducible(cursor),
    records() {
      decoded ??= isCut ? [...readRecords(cursor)].filter(isWanted) : [...readRecords(cursor)]
      return decoded
    },
  }
}

function outside(frame: LoadedFrame, position: number): KafkaBackupError {
  const { key } = frame.reader.record
  return new KafkaBackupError(
    'KB_SEGMENT_CORRUPT',
    `${key}: the batches of offsets ${frame.entry.firstOffset}-${frame.entry.lastOffset} are not those its index describes (byte ${position})`,
    { context: { key } },
  )
}
