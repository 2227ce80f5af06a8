import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { CircuitBreaker } from '../runtime/circuit-breaker.ts'

/**
 * KB_STORAGE_UNAVAILABLE of a call that was not made: the store did not answer others, and is left alone for a while. Whatever the
 * call was, it may be made again.
 */
export class StoreRestingError extends KafkaBackupError {
  /** When it is worth asking again, in milliseconds from now. */
  readonly retryAfterMs: number

  constructor(location: string, retryAfterMs: number, cause?: unknown) {
    const seconds = Math.ceil(retryAfterMs / 1000)
    super('KB_STORAGE_UNAVAILABLE', `${location} does not answer; it is asked again in ${seconds} s`, {
      cause,
    })
    this.retryAfterMs = retryAfterMs
  }
}

/** A call, and what it tells of the store. */
export interface JudgedCall {
  /** Named in errors. */
  readonly location: string
  /** False when its success does not show that the store was asked. */
  readonly isEvidence: boolean
}

/**
 * Makes a call when the breaker lets it, and tells the breaker how it went. Only "the store is not available" is a failure; every
 * other error is an answer. @throws StoreRestingError when it was not made
 */
export async function judged<T>(
  breaker: CircuitBreaker,
  { location, isEvidence }: JudgedCall,
  step: () => Promise<T>,
): Promise<T> {
  const ticket = breaker.admit()
  if (typeof ticket === 'number') throw new StoreRestingError(location, ticket)
  try {
    const result = await step()
    if (isEvidence) ticket.succeed()
    return result
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE')) ticket.fail(error)
    else if (isKafkaBackupError(error) && error.category !== 'interrupted') ticket.succeed()
    throw error
  } finally {
    // Does nothing when it is settled already.
    ticket.abandon()
  }
}
