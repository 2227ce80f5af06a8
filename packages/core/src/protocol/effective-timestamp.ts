import { corrupt } from './batch-error.ts'
import { assertBatch, type BatchCursor } from './record-batch.ts'
import { readShortVarlong, readVarint, readVarlong, type VarintSource } from './varint.ts'

/** Timestamps and deltas in these bounds have a sum that a number holds exactly. */
const EXACT_TIMESTAMP_MAX = 2 ** 52

/**
 * Smallest effective timestamp, in milliseconds, of the records of the current batch, whose decompressed records
 * are `body`; null when the batch holds none. With log append time it is the max timestamp of the batch, and `body`
 * is not looked at; nor is it for a message set, whose records were looked through already. Reads the length and the timestamp delta of each record and nothing else, without allocating.
 * (The header does not have it: `baseTimestamp` is that of the first record, not the smallest.)
 * @throws KB_BATCH_CORRUPT when the lengths do not add up to the body.
 */
export function minEffectiveTimestamp(cursor: BatchCursor, body: Buffer): bigint | null {
  assertBatch(cursor)
  if (cursor.recordCount === 0) return null
  if (cursor.messageSet !== null) return cursor.messageSet.minTimestamp
  if (cursor.isLogAppendTime) return cursor.maxTimestamp
  const baseTimestamp = Number(cursor.baseTimestamp)
  if (Math.abs(baseTimestamp) <= EXACT_TIMESTAMP_MAX) {
    const minDelta = minShortDelta(cursor, body)
    if (!Number.isNaN(minDelta)) return BigInt(baseTimestamp + minDelta)
  }
  return minTimestampExactly(cursor, body)
}

/** Smallest timestamp delta as a number; NaN when one of them is too long for that. */
function minShortDelta(cursor: BatchCursor, body: Buffer): number {
  const source: VarintSource = { bytes: body, position: 0, end: body.length }
  let minDelta = Number.POSITIVE_INFINITY
  for (let left = cursor.recordCount; left > 0; left--) {
    const recordEnd = enterRecord(cursor, source)
    const delta = readShortVarlong(source)
    if (Number.isNaN(delta)) return delta
    if (delta < minDelta) minDelta = delta
    leaveRecord(cursor, source, recordEnd)
  }
  assertConsumed(cursor, source)
  return minDelta
}

/** The same with 64-bit arithmetic that wraps around, for times that no clock shows. */
function minTimestampExactly(cursor: BatchCursor, body: Buffer): bigint {
  const source: VarintSource = { bytes: body, position: 0, end: body.length }
  const { baseTimestamp } = cursor
  let minTimestamp = 0x7fffffffffffffffn
  for (let left = cursor.recordCount; left > 0; left--) {
    const recordEnd = enterRecord(cursor, source)
    const timestamp = BigInt.asIntN(64, baseTimestamp + readVarlong(source))
    if (timestamp < minTimestamp) minTimestamp = timestamp
    leaveRecord(cursor, source, recordEnd)
  }
  assertConsumed(cursor, source)
  return minTimestamp
}

/** Moves to the timestamp delta (behind length and attributes) and returns where the record ends. */
function enterRecord(cursor: BatchCursor, source: VarintSource): number {
  const byteLength = readVarint(source)
  const recordEnd = source.position + byteLength
  if (byteLength <= 0 || recordEnd > source.end) throw corrupt(cursor, `record of ${byteLength} bytes`)
  source.position++
  return recordEnd
}

function leaveRecord(cursor: BatchCursor, source: VarintSource, recordEnd: number): void {
  if (source.position > recordEnd) throw corrupt(cursor, 'timestamp delta leaves its record')
  source.position = recordEnd
}

function assertConsumed(cursor: BatchCursor, source: VarintSource): void {
  if (source.position === source.end) return
  throw corrupt(cursor, `${source.end - source.position} bytes behind the last record`)
}
