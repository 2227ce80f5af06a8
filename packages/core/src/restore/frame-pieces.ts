import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { FrameEntry } from '../format/segment-index.ts'
import type { AbortedTransactionFilter } from '../protocol/aborted-transactions.ts'
import { isProducible } from '../protocol/batch-patch.ts'
import type { Codec } from '../protocol/codec.ts'
import { type KafkaRecord, readRecords } from '../protocol/record.ts'
import { assertBatch, BatchCursor, verifyCrc } from '../protocol/record-batch.ts'
import type { SkipCounter } from './batch-source.ts'
import { isInWindow, type TimeWindow } from './time-window.ts'

/** A stored batch that may be produced after its header was patched; offsets of the source, all of them taken. */
export interface StoredBatch {
  readonly kind: 'batch'
  readonly bytes: Buffer
  readonly firstOffset: bigint
  readonly records: number
}

/** Records of one stored batch that have to be encoded again, with the codec that they had. */
export interface RecordGroup {
  readonly kind: 'records'
  readonly codec: Codec
  readonly records: readonly KafkaRecord[]
}

/** The smallest thing that a source gives. */
export type SourcePiece = StoredBatch | RecordGroup

/** What is wanted of a source. */
export interface SourceWish {
  readonly window: TimeWindow | null
  /** True when every record is looked at one by one, so that stored batches are of no use. */
  readonly isByRecord: boolean
  /** Of what is not passed over, the data frames that are looked at; absent: all. */
  readonly isFrameChosen?: (entry: FrameEntry) => boolean
}

/** One frame that was read. */
export interface FrameContent {
  readonly key: string
  readonly entry: FrameEntry
  readonly filter: AbortedTransactionFilter
  /** Only records from the one and below the other are wanted; null: the frame has no bound on that side. */
  readonly beginOffset: bigint | null
  readonly endOffset: bigint | null
  /** True when its index entry proves that the window takes all of it. */
  readonly isInWindow: boolean
  readonly batches: Buffer
}

/** @throws KB_SEGMENT_CORRUPT when the frame does not hold what its index says, KB_BATCH_CORRUPT */
export function* piecesOf(frame: FrameContent, wish: SourceWish, skip: SkipCounter): Generator<SourcePiece> {
  const { entry } = frame
  const bounds = boundsOf(frame)
  let seen = 0
  for (const cursor of visibleBatches(frame)) {
    const isWhole = cursor.baseOffset >= bounds.first && cursor.lastOffset < bounds.end
    const window = frame.isInWindow ? null : wish.window
    if (isWhole && isPassedOver(cursor, window, skip)) {
      seen += cursor.recordCount
      continue
    }
    if (isWhole && window === null && skip.left === 0n && !wish.isByRecord && isProducible(cursor)) {
      seen += cursor.recordCount
      yield storedBatch(cursor)
      continue
    }
    const inBounds = recordsInBounds(cursor, bounds)
    seen += inBounds.length
    const wanted = window ? inBounds.filter(({ timestamp }) => isInWindow(window, timestamp)) : inBounds
    const records = afterSkip(wanted, skip)
    const isStored = !wish.isByRecord && records.length === cursor.recordCount && isProducible(cursor)
    if (isStored) yield storedBatch(cursor)
    else if (records.length > 0) yield { kind: 'records', codec: cursor.codec, records }
  }
  const isAll = frame.beginOffset === null && frame.endOffset === null
  if (isAll ? seen !== entry.records : seen > entry.records) throw outside(frame, frame.batches.length)
}

interface OffsetBounds {
  readonly first: bigint
  readonly end: bigint
}

/** Batches at either end may hold records that were deleted at the source before they were read: the entry says which count. */
function boundsOf({ entry, beginOffset, endOffset }: FrameContent): OffsetBounds {
  const end = entry.lastOffset + 1n
  return {
    first: beginOffset !== null && beginOffset > entry.firstOffset ? beginOffset : entry.firstOffset,
    end: endOffset !== null && endOffset < end ? endOffset : end,
  }
}

/** One cursor, put on each batch that is neither control nor aborted, nor beyond the bounds. */
function* visibleBatches(frame: FrameContent): Generator<BatchCursor> {
  const { entry, filter, batches, beginOffset, endOffset } = frame
  const cursor = new BatchCursor(batches)
  while (cursor.next()) {
    verifyCrc(cursor)
    assertBatch(cursor)
    if (cursor.lastOffset < entry.firstOffset || cursor.lastOffset > entry.lastOffset)
      throw outside(frame, cursor.position)
    const isBeyond =
      (endOffset !== null && cursor.baseOffset >= endOffset) ||
      (beginOffset !== null && cursor.lastOffset < beginOffset)
    if (!isBeyond && !filter.drops(cursor)) yield cursor
  }
  if (cursor.partialBytes > 0) throw outside(frame, cursor.position)
}

/** True for a batch of which nothing is wanted, as its header proves; it is counted down where it was wanted once. */
function isPassedOver(cursor: BatchCursor, window: TimeWindow | null, skip: SkipCounter): boolean {
  if (window !== null) return window.fromMs !== null && cursor.maxTimestamp < window.fromMs
  const count = BigInt(cursor.recordCount)
  if (skip.left === 0n || count > skip.left) return false
  skip.left -= count
  return true
}

function recordsInBounds(cursor: BatchCursor, { first, end }: OffsetBounds): KafkaRecord[] {
  return [...readRecords(cursor)].filter(({ offset }) => offset >= first && offset < end)
}

function afterSkip(records: readonly KafkaRecord[], skip: SkipCounter): readonly KafkaRecord[] {
  if (skip.left === 0n) return records
  const count = BigInt(records.length)
  const skipped = count < skip.left ? count : skip.left
  skip.left -= skipped
  return records.slice(Number(skipped))
}

/** The records of a stored batch whose checksum was looked at before. */
export function decodeStored({ bytes }: StoredBatch): RecordGroup {
  const cursor = new BatchCursor(bytes)
  cursor.next()
  return { kind: 'records', codec: cursor.codec, records: [...readRecords(cursor)] }
}

function storedBatch({ bytes, baseOffset, recordCount }: BatchCursor): StoredBatch {
  return { kind: 'batch', bytes, firstOffset: baseOffset, records: recordCount }
}

function outside(frame: FrameContent, position: number): KafkaBackupError {
  const { key, entry } = frame
  return new KafkaBackupError(
    'KB_SEGMENT_CORRUPT',
    `${key}: the batches of offsets ${entry.firstOffset}-${entry.lastOffset} are not those its index describes (byte ${position})`,
    { context: { key } },
  )
}
