import type { Clock } from './clock.ts'

/**
 * Runs what has to be done although a run has ended, for `graceMs` milliseconds at most: then the signal that the step is given is
 * aborted with `reason()`.
 */
export async function withinGrace<T>(
  clock: Clock,
  { graceMs, reason }: { readonly graceMs: number; readonly reason: () => Error },
  step: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const done = new AbortController()
  void clock.sleep(graceMs, done.signal).then(
    () => over.abort(reason()),
    () => undefined,
  )
  try {
    return await step(over.signal)
  } finally {
    done.abort()
  }
}
