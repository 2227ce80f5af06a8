import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Random, systemRandom } from './random.ts'

/** Exponential backoff, each delay drawn from its upper half, bounded by elapsed time. All durations in milliseconds. */
export interface RetryPolicy {
  readonly firstDelayMs: number
  readonly maxDelayMs: number
  /** No new attempt begins later than this after the first. */
  readonly giveUpAfterMs: number
}

/** What surrounds a retried operation. `onRetry` is told of each failed attempt. */
export interface RetryOptions {
  readonly policy: RetryPolicy
  readonly signal?: AbortSignal
  readonly clock?: Clock
  readonly random?: Random
  readonly onRetry?: (error: unknown, attempt: number) => void
}

/** Delay before attempt `attempt` + 1 (attempts count from 1). */
export function backoffDelayMs(policy: RetryPolicy, attempt: number, random: Random = systemRandom): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** Math.min(attempt - 1, 30))
  return ceiling / 2 + (ceiling / 2) * random.fraction()
}

/** Runs `operation` again while it fails with a retryable error. No other retry loop exists for whole operations. */
export async function retry<T>(
  operation: (attempt: number) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const clock = options.clock ?? systemClock
  const beginMs = clock.monotonicMs()
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted()
    try {
      return await operation(attempt)
    } catch (error) {
      const isRetryable = isKafkaBackupError(error) && error.retryable
      const delayMs = backoffDelayMs(options.policy, attempt, options.random)
      const nextBeginMs = clock.monotonicMs() - beginMs + delayMs
      if (!isRetryable || nextBeginMs > options.policy.giveUpAfterMs) throw error
      options.onRetry?.(error, attempt)
      await clock.sleep(delayMs, options.signal)
    }
  }
}
