import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { invariant } from '../runtime/invariant.ts'
import { objectTooShort } from './object-errors.ts'
import type { ByteRange, ObjectKey } from './storage-backend.ts'

/** Bytes read by one ranged read; twice the largest data frame, so only a forged index asks for more. */
export const READ_RANGE_MAX_BYTES = 512 * 1024 * 1024

/**
 * Checks a range before anything is allocated for it. Returns its length in bytes.
 * @throws KB_INTERNAL when it is no half-open range, KB_LIMIT_EXCEEDED above {@link READ_RANGE_MAX_BYTES}.
 */
export function checkByteRange(key: ObjectKey, range: ByteRange): number {
  const { begin, end } = range
  const isOrdered = Number.isSafeInteger(begin) && Number.isSafeInteger(end) && 0 <= begin && begin <= end
  invariant(isOrdered, `byte range ${begin} to ${end} of ${key}`)
  if (end - begin > READ_RANGE_MAX_BYTES) {
    const message = `cannot read ${end - begin} bytes of ${key} at once: the limit is ${READ_RANGE_MAX_BYTES}`
    throw new KafkaBackupError('KB_LIMIT_EXCEEDED', message, { context: { key } })
  }
  return end - begin
}

/** Checks that an object of `bytes` bytes holds the range. @throws KB_SEGMENT_CORRUPT when it ends before. */
export function checkRangeWithin(key: ObjectKey, range: ByteRange, bytes: number): void {
  if (range.end > bytes) throw objectTooShort(key, range, bytes)
}
