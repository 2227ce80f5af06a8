import { isKafkaBackupError, type KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { systemClock } from '../runtime/clock.ts'
import { LIMITS } from '../runtime/limits.ts'
import { retry } from '../runtime/retry.ts'
import { isOfAccount } from './cluster-leaders.ts'
import { unreachable } from './kafka-error.ts'
import { withinTime } from './library-request.ts'

const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 1_000

/** How long everything together may take that is asked about groups; nothing of it may hold a backup up. */
export class GroupPatience {
  readonly #endMs = systemClock.monotonicMs() + LIMITS.groupPatienceMs
  readonly #signal: AbortSignal
  readonly #aborted = Promise.withResolvers<never>()

  /** `signal` ends it at once. */
  constructor(signal: AbortSignal) {
    this.#signal = signal
    this.#aborted.promise.catch(() => undefined)
    signal.addEventListener('abort', () => this.#aborted.reject(signal.reason), { once: true })
  }

  /** @throws KB_CLUSTER_UNREACHABLE when time is over before the answer is there; the signal's reason */
  within<T>(broker: string, step: Promise<T>): Promise<T> {
    this.#signal.throwIfAborted()
    const timed = withinTime(step, this.#leftMs, () =>
      unreachable(broker, `no answer about groups within ${LIMITS.groupPatienceMs} ms`),
    )
    return Promise.race([timed, this.#aborted.promise])
  }

  /**
   * Runs rounds until one has no failure that may pass, or this share of the time that is left is over. What failed then is known to whoever gave
   * the rounds. @throws what a round throws and is not passing; the signal's reason
   */
  async untilSettled(round: () => Promise<readonly KafkaBackupError[]>, share = 1): Promise<void> {
    let told: KafkaBackupError | undefined
    const attempt = async () => {
      told = (await round()).find((failure) => failure.retryable)
      if (told) throw told
    }
    const policy = {
      firstDelayMs: FIRST_DELAY_MS,
      maxDelayMs: MAX_DELAY_MS,
      giveUpAfterMs: this.#leftMs * share,
    }
    try {
      await retry(attempt, { policy, signal: this.#signal })
    } catch (error) {
      if (error !== told) throw error
    }
  }

  get #leftMs(): number {
    return Math.max(this.#endMs - systemClock.monotonicMs(), 0)
  }
}

/** A failure that concerns one broker or group. @throws what concerns the account, or is no failure of a cluster */
export function ownFailure(error: unknown): KafkaBackupError {
  if (!isKafkaBackupError(error) || isOfAccount(error)) throw error
  return error
}

/** Kafka's name of the error. */
export function failureName({ code, context }: KafkaBackupError): string {
  if (context.kafkaError !== undefined) return context.kafkaError
  if (code === 'KB_BROKER_UNSUPPORTED') return 'UNSUPPORTED_VERSION'
  return code === 'KB_CLUSTER_UNREACHABLE' ? 'NETWORK_EXCEPTION' : 'UNKNOWN_SERVER_ERROR'
}
