import { assertBatch, BatchCursor, hasValidCrc } from '../protocol/record-batch.ts'

/** A batch that the source's log holds damaged, or several in a row, and the offsets [firstOffset, endOffset) that are lost. */
export interface DamagedBatch {
  readonly kind: 'damaged'
  /** As the broker sent it: a copy. */
  readonly bytes: Buffer
  readonly firstOffset: bigint
  readonly endOffset: bigint
  /** What is wrong with it, for people. */
  readonly detail: string
}

/** Where a reader stands. `targetOffset` is exclusive. */
export interface DamagedAt {
  readonly nextOffset: bigint
  readonly targetOffset: bigint
  readonly detail: string
}

/**
 * Finds the batch that a reader could not take in an answer that begins with it, and where it ends. Its own header is believed
 * only when its checksum is right, or when two of its fields agree and no batch follows; else the next sound batch says where it
 * ends. null: nothing says it. Pure.
 */
export function findDamagedBatch(
  answer: { readonly buffer: Buffer; readonly begin: number; readonly end: number },
  { nextOffset, targetOffset, detail }: DamagedAt,
): DamagedBatch | null {
  const cursor = new BatchCursor(answer.buffer, answer.begin, answer.end)
  if (!stepTo(cursor, (own) => !isSound(own) || own.lastOffset >= nextOffset)) return null
  const { position, endPosition } = cursor
  const claimedEnd = hasValidCrc(cursor) || isConsistent(cursor) ? cursor.lastOffset + 1n : null
  const isProven = claimedEnd !== null && hasValidCrc(cursor)
  const followingOffset = isProven ? null : soundOffsetBehind(cursor)
  const end = followingOffset ?? claimedEnd
  if (end === null || end <= nextOffset) return null
  // What nobody confirms must not reach beyond what the run knows to be there.
  if (end > targetOffset && followingOffset === null) return null
  const endOffset = end < targetOffset ? end : targetOffset
  const bytes = Buffer.from(
    answer.buffer.subarray(position, followingOffset === null ? endPosition : cursor.position),
  )
  return { kind: 'damaged', bytes, firstOffset: nextOffset, endOffset, detail }
}

function soundOffsetBehind(cursor: BatchCursor): bigint | null {
  return stepTo(cursor, isSound) ? cursor.baseOffset : null
}

/** False where there is none, or where lengths are damaged, so that nobody knows where the next one begins. */
function stepTo(cursor: BatchCursor, isWanted: (cursor: BatchCursor) => boolean): boolean {
  try {
    while (cursor.next()) if (isWanted(cursor)) return true
  } catch {
    // What cannot be stepped over tells nothing about offsets.
  }
  return false
}

function isSound(cursor: BatchCursor): boolean {
  if (!hasValidCrc(cursor)) return false
  try {
    assertBatch(cursor)
    return true
  } catch {
    return false
  }
}

/** One damaged byte does not make these two agree; the log cleaner makes them differ, and then nothing is claimed. */
function isConsistent(cursor: BatchCursor): boolean {
  if (cursor.messageSet !== null) return true
  return cursor.lastOffsetDelta >= 0 && cursor.recordCount === cursor.lastOffsetDelta + 1
}
