import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'

/** Of sockets and streams that were given up in the middle. */
const BROKEN_OFF = /^(?:E[A-Z0-9]+|ERR_STREAM_[A-Z_]+|UND_ERR_[A-Z_]+)$/

/**
 * True for a failure that a stop explains: the stop itself, what was broken off in the middle, and what would have been tried again.
 * Damage, a conflict, a refusal or a defect would have been found without the stop too, and is told.
 */
export function isOfStop(error: unknown, stop: AbortSignal): boolean {
  if (!stop.aborted) return false
  if (isAbort(error, stop)) return true
  if (!isKafkaBackupError(error)) return isBrokenOff(error)
  if (isAbort(error.cause, stop)) return true
  if (error.code === 'KB_INTERNAL') return isBrokenOff(error.cause)
  // A batch that arrived damaged is asked for again, and is damage all the same.
  return error.retryable && error.category !== 'integrity'
}

function isAbort(error: unknown, stop: AbortSignal): boolean {
  if (error === stop.reason || isKafkaBackupError(error, 'KB_INTERRUPTED')) return true
  return error instanceof Error && (error.name === 'AbortError' || codeOf(error) === 'ABORT_ERR')
}

function isBrokenOff(error: unknown): boolean {
  const code = codeOf(error)
  return typeof code === 'string' && BROKEN_OFF.test(code)
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown } | null | undefined)?.code
}
