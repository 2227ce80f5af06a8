import { type Clock, systemClock } from '../../runtime/clock.ts'
import type { BearerToken, TokenSource } from '../security.ts'

// Renewed sessions shall outlive those before them: they are renewed after 75 % at the earliest, so that the last quarter of a
// token is never given out again.
const USED_SHARE = 0.75

/** Gives the same token until a quarter of its life is left, and asks `source` once however many connections wait. */
export function cachedTokens(source: () => Promise<BearerToken>, clock: Clock = systemClock): TokenSource {
  let current: { readonly token: BearerToken; readonly freshUntilMs: number } | null = null
  let asking: Promise<BearerToken> | null = null
  const ask = async (): Promise<BearerToken> => {
    const beganMs = clock.nowMs()
    try {
      const token = await source()
      current = { token, freshUntilMs: beganMs + (token.expiresAtMs - beganMs) * USED_SHARE }
      return token
    } finally {
      asking = null
    }
  }
  return async (signal) => {
    signal?.throwIfAborted()
    if (current && clock.nowMs() < current.freshUntilMs) return current.token
    asking ??= ask()
    return signal ? untilAborted(asking, signal) : asking
  }
}

/** Who stops waiting does not stop the others' request. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
