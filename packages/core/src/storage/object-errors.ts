import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { ByteRange, ObjectKey } from './storage-backend.ts'

/** KB_OBJECT_NOT_FOUND, worded the same for every store. */
export function objectNotFound(key: ObjectKey, cause?: unknown): KafkaBackupError {
  return new KafkaBackupError('KB_OBJECT_NOT_FOUND', `cannot read ${key}: there is no such object`, {
    context: { key },
    cause,
  })
}

/** What is asked of an object, or undefined where there is none. */
export async function orAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return undefined
    throw error
  }
}

/** KB_OBJECT_EXISTS, worded the same for every store. */
export function objectExists(key: ObjectKey, cause?: unknown): KafkaBackupError {
  return new KafkaBackupError('KB_OBJECT_EXISTS', `cannot create ${key}: the object exists already`, {
    context: { key },
    cause,
  })
}

/** KB_LIMIT_EXCEEDED: a whole read of an object that is larger than the caller allows. Sizes in bytes. */
export function objectTooLarge(key: ObjectKey, bytes: number, maxBytes: number): KafkaBackupError {
  const message = `cannot read ${key}: it has ${bytes} bytes and at most ${maxBytes} are expected`
  return new KafkaBackupError('KB_LIMIT_EXCEEDED', message, { context: { key } })
}

/** KB_SEGMENT_CORRUPT: the object ends before the range that its index promises. Size in bytes. */
export function objectTooShort(key: ObjectKey, range: ByteRange, bytes: number): KafkaBackupError {
  const message = `cannot read bytes ${range.begin} to ${range.end} of ${key}: it has only ${bytes} bytes`
  return new KafkaBackupError('KB_SEGMENT_CORRUPT', message, { context: { key } })
}
