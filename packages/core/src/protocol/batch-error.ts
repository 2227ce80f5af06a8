import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'

/** Where a batch is: its first byte in the buffer at hand, and the offset that stands there. */
export interface BatchPlace {
  readonly position: number
  readonly offsetField: bigint
}

/** A KB_BATCH_CORRUPT that names the batch by its offset. */
export function corrupt(batch: BatchPlace, what: string): KafkaBackupError {
  return new KafkaBackupError(
    'KB_BATCH_CORRUPT',
    `${what} in the batch at byte ${batch.position}`,
    offsetContext(batch),
  )
}

/** A KB_LIMIT_EXCEEDED for a batch that says it has more records than LIMITS.batchMaxRecords. */
export function tooManyRecords(batch: BatchPlace, recordCount: number): KafkaBackupError {
  return new KafkaBackupError(
    'KB_LIMIT_EXCEEDED',
    `batch claims ${recordCount} records`,
    offsetContext(batch),
  )
}

/** @throws KB_LIMIT_EXCEEDED above LIMITS.batchMaxBytes, else KB_BATCH_CORRUPT */
export function refuseLength(byteLength: number, position: number): never {
  const code = byteLength > LIMITS.batchMaxBytes ? 'KB_LIMIT_EXCEEDED' : 'KB_BATCH_CORRUPT'
  throw new KafkaBackupError(code, `batch at byte ${position} claims a length of ${byteLength} bytes`)
}

/** @throws KB_LIMIT_EXCEEDED for an offset that no number holds exactly */
export function refuseOffset(position: number): never {
  throw new KafkaBackupError(
    'KB_LIMIT_EXCEEDED',
    `batch at byte ${position} has an offset outside of 0 to 2^53`,
  )
}

/** @throws KB_FORMAT_UNSUPPORTED */
export function refuseMagic(magic: number, position: number): never {
  throw new KafkaBackupError('KB_FORMAT_UNSUPPORTED', `unknown magic ${magic} at byte ${position}`)
}

function offsetContext(batch: BatchPlace): { context: { offset: string } } {
  return { context: { offset: String(batch.offsetField) } }
}
