import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'

/**
 * An error of node:zlib as one of ours: KB_LIMIT_EXCEEDED when the output passed `ceilingBytes`, else
 * KB_BATCH_CORRUPT. Errors of ours come back as they are.
 */
export function translateZlibError(error: unknown, codec: string, ceilingBytes: number): KafkaBackupError {
  if (isKafkaBackupError(error)) return error
  if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
    return new KafkaBackupError(
      'KB_LIMIT_EXCEEDED',
      `${codec} data is larger than ${ceilingBytes} bytes decompressed`,
    )
  }
  const reason = error instanceof Error ? error.message : String(error)
  return new KafkaBackupError('KB_BATCH_CORRUPT', `${codec}: ${reason}`, { cause: error })
}
