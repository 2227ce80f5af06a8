import { type KafkaBackupError, toKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { ProducerIdentity } from '../kafka/producer-id-api.ts'
import { backoffDelayMs, type RetryPolicy } from '../runtime/retry.ts'
import { isOfStop } from '../runtime/stopped.ts'
import type { GapWriter } from './gap-writer.ts'
import { gapWriterOf, producerIdentities } from './producer-identities.ts'
import { type AttemptOptions, type LaneEnd, RestoreAttempt } from './restore-attempt.ts'
import type { TargetPlan } from './restore-preflight.ts'
import type { Identities } from './take-over.ts'

/** What the attempts of a restore work with; the rest is made for them here. */
export interface WriteOptions
  extends Omit<
    AttemptOptions,
    'identities' | 'gapWriter' | 'gapMax' | 'learned' | 'onWritten' | 'onFilled' | 'onDurable'
  > {
  readonly target: TargetPlan
}

const ATTEMPT_RETRY: RetryPolicy = { firstDelayMs: 200, maxDelayMs: 5_000, giveUpAfterMs: 300_000 }
const ABANDON_MS = 5_000

/**
 * One attempt after the other until one reaches the end; each takes over from the one before.
 * @throws what will not pass, what still fails five minutes after the first failure since anything was durable, KB_RESTORE_CONFLICT
 */
export async function writeAll(
  options: WriteOptions,
  listeners: Pick<AttemptOptions, 'learned' | 'onWritten' | 'onFilled'>,
): Promise<{ readonly ends: LaneEnd[]; readonly recoveries: number }> {
  const { clock, ledger, observe, signal } = options
  const identities = producerIdentities(options, ledger.state)
  const gapWriter: GapWriter | null = gapWriterOf(options, ledger.state, options.target.offsets)
  let failingSinceMs: number | null = null
  let own: ProducerIdentity | null = null
  try {
    for (let failures = 0, inARow = 0; ; ) {
      const attempt = new RestoreAttempt({
        ...options,
        identities,
        ...listeners,
        gapWriter,
        gapMax: options.target.offsets?.gapMax ?? 0,
        onDurable: () => {
          failingSinceMs = null
          inARow = 0
        },
      })
      try {
        return { ends: await attempt.run(own), recoveries: failures }
      } catch (failure) {
        own = attempt.identity ?? own
        if (isOfStop(failure, signal)) throw signal.reason
        const error = toKafkaBackupError(failure)
        own = await nextIdentity(options, error, own)
        // What was slow before it failed, such as a throttled first transaction, did not fail for all that time.
        failingSinceMs ??= clock.monotonicMs()
        if (clock.monotonicMs() - failingSinceMs > ATTEMPT_RETRY.giveUpAfterMs) throw error
        failures++
        inARow++
        observe({ type: 'retry_scheduled', what: 'restore', reason: error.message, attempt: inARow })
        await clock.sleep(backoffDelayMs(ATTEMPT_RETRY, inARow), signal)
      }
    }
  } catch (error) {
    await abandon(identities, own)
    throw error
  } finally {
    identities.coordinator?.close()
    gapWriter?.close()
  }
}

/** What is open is aborted, if that is quick: until it is, readers of committed records wait behind it. */
async function abandon({ coordinator }: Identities, own: ProducerIdentity | null): Promise<void> {
  if (!coordinator || own === null) return
  await coordinator.end(own, false, AbortSignal.timeout(ABANDON_MS)).catch(() => undefined)
}

/** The identity to go on with after a failure. @throws the failure when it will not pass, or another process goes on */
async function nextIdentity(
  { ledger, signal }: WriteOptions,
  error: KafkaBackupError,
  own: ProducerIdentity | null,
): Promise<ProducerIdentity | null> {
  const { code, retryable, category } = error
  if (code === 'KB_PRODUCER_FENCED') {
    // A coordinator also fences a producer whose transaction took too long; then nobody else is there.
    await ledger.assertTip(signal)
    return null
  }
  // What the archive holds does not become better by reading it again.
  if (!retryable || category === 'integrity') throw error
  return own
}
