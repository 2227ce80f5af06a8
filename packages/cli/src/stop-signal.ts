import { KafkaBackupError } from '@kafka-backup/core/errors'
import { exitNow } from '@kafka-backup/core/runtime'

const INTERRUPTED = 130

/**
 * Aborted by the first SIGINT or SIGTERM; the second one ends the process at once, which is as safe as a kill: what was
 * committed stays, the rest is read again.
 */
export function watchStopSignals(onFirst: () => void): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController()
  const stop = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) exitNow(INTERRUPTED)
    controller.abort(new KafkaBackupError('KB_INTERRUPTED', `stopped by ${name}`))
    onFirst()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return {
    signal: controller.signal,
    dispose: () => {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
    },
  }
}
