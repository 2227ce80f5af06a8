import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Clock } from './clock.ts'

/** When what may not be broken off by a stop is broken off after all. Milliseconds. */
export interface StopGraceOptions {
  readonly stop: AbortSignal
  readonly graceMs: number
  /** Ends the grace so long after the stop, whatever was answered meanwhile; absent: nothing does. */
  readonly limitMs?: number | undefined
  readonly clock: Clock
  /** Named in the error. */
  readonly location: string
  /** When the other side last answered, in monotonic milliseconds: the grace begins anew then. Absent: it does not. */
  readonly answeredAtMs?: () => number | undefined
}

/** For calls that a stop alone does not break off. */
export interface StopGrace {
  /** Aborted with KB_INTERRUPTED when a run was stopped and its grace is over. */
  readonly signal: AbortSignal
  /** Ends the waiting. */
  dispose(): void
}

/** Watches a signal of a run; a stopped run finishes what it does as long as it gets answers, and does not wait for a silent store. */
export function startStopGrace(options: StopGraceOptions): StopGrace {
  const { stop, graceMs, limitMs = Number.POSITIVE_INFINITY, clock, location } = options
  const over = new AbortController()
  const done = new AbortController()
  const watch = async (): Promise<void> => {
    const stoppedAtMs = clock.monotonicMs()
    for (;;) {
      const sinceMs = Math.max(stoppedAtMs, options.answeredAtMs?.() ?? stoppedAtMs)
      const endMs = Math.min(sinceMs + graceMs, stoppedAtMs + limitMs)
      const leftMs = endMs - clock.monotonicMs()
      if (leftMs <= 0) break
      await clock.sleep(leftMs, done.signal)
    }
    const isSilent = graceMs <= limitMs
    const what = isSilent
      ? `${location} did not answer within ${graceMs / 1000} s`
      : `what had to be written to ${location} took longer than ${limitMs / 1000} s`
    const message = `stopped, and ${what}; what was under way may be done or not`
    over.abort(new KafkaBackupError('KB_INTERRUPTED', message))
  }
  // Who disposes of it ends the sleep; nobody waits any more.
  const begin = () => void watch().catch(() => undefined)
  if (stop.aborted) begin()
  else stop.addEventListener('abort', begin, { once: true })
  return {
    signal: over.signal,
    dispose: () => {
      stop.removeEventListener('abort', begin)
      done.abort()
    },
  }
}
