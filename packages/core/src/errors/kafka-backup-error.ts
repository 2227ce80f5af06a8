import { ERROR_TABLE, type ErrorCategory, type ErrorCode, EXIT_CODES } from './error-codes.ts'
import { withoutPastedSecrets } from './pasted-secrets.ts'

/** Identifiers that help to find the place; never payloads, never secrets. */
export interface ErrorContext {
  readonly backup?: string
  readonly topic?: string
  readonly partition?: number
  readonly offset?: string
  readonly key?: string
  readonly broker?: string
  readonly file?: string
  readonly line?: number
  readonly path?: string
  readonly kafkaError?: string
  readonly attempt?: number
}

/** Optional parts of a {@link KafkaBackupError}. `hint` replaces the hint of the table's row. */
export interface ErrorDetails {
  readonly context?: ErrorContext
  readonly cause?: unknown
  readonly hint?: string
}

/**
 * The one error class. Whatever it repeats of what somebody wrote, secrets in it are shown as `…`. Match on `code` (see {@link isKafkaBackupError}), never on the message or on
 * `instanceof` across packages.
 */
export class KafkaBackupError extends Error {
  override readonly name = 'KafkaBackupError'
  readonly code: ErrorCode
  readonly category: ErrorCategory
  readonly retryable: boolean
  readonly hint: string
  readonly context: ErrorContext

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(withoutPastedSecrets(message), details.cause === undefined ? undefined : { cause: details.cause })
    const row = ERROR_TABLE[code]
    this.code = code
    this.category = row.category
    this.retryable = row.retryable
    this.hint = details.hint === undefined ? row.hint : withoutPastedSecrets(details.hint)
    this.context = details.context === undefined ? {} : shownContext(details.context)
  }

  get exitCode(): number {
    return EXIT_CODES[this.category]
  }
}

function shownContext(context: ErrorContext): ErrorContext {
  const entries = Object.entries(context).map(([name, value]) => [
    name,
    typeof value === 'string' ? withoutPastedSecrets(value) : value,
  ])
  return Object.fromEntries(entries)
}

/** True when `error` is one of ours, and of code `code` if that is given. */
export function isKafkaBackupError(error: unknown, code?: ErrorCode): error is KafkaBackupError {
  if (!(error instanceof Error) || error.name !== 'KafkaBackupError') return false
  return code === undefined || (error as KafkaBackupError).code === code
}

/** Any thrown value as one of ours; what is not ours is a bug and says so. */
export function toKafkaBackupError(error: unknown): KafkaBackupError {
  if (isKafkaBackupError(error)) return error
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new KafkaBackupError('KB_INTERNAL', message, { cause: error })
}
