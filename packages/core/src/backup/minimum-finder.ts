import { hasUnknownMinimum, minimumOrNull } from '../format/frame-minimum.ts'
import type { BatchStatistics } from '../format/segment-index.ts'
import type { Clock } from '../runtime/clock.ts'
import { LIMITS } from '../runtime/limits.ts'

/** Batches of one frame, whole and checked, and what their headers tell. */
export interface SearchedFrame {
  readonly chunks: readonly Uint8Array[]
  readonly rawBytes: number
  readonly statistics: BatchStatistics
}

/** The smallest timestamp of a frame, while it is being looked for and afterwards. */
export class FrameMinimum {
  readonly #settled = Promise.withResolvers<void>()
  #valueMs: bigint | null = null
  #isSettled = false

  /** Milliseconds; null: not known, or not yet. */
  get valueMs(): bigint | null {
    return this.#valueMs
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Resolves when nothing more will be found; never rejects. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  /** Takes what was found; null: nothing. A minimum above `maxTimestampMs` contradicts the headers and is none. */
  settle(foundMs: bigint | null, maxTimestampMs: bigint): void {
    if (foundMs !== null && foundMs <= maxTimestampMs) this.#valueMs = foundMs
    this.#isSettled = true
    this.#settled.resolve()
  }
}

/** Looks for minima that headers do not tell. Nothing depends on it: what it does not find stays unknown. */
export interface MinimumFinder {
  /** Null: it is not looked for. The chunks may be reused after the call. */
  find(frame: SearchedFrame): FrameMinimum | null
  close(): Promise<void>
}

/** Finds nothing. */
export const noMinima: MinimumFinder = { find: () => null, close: async () => undefined }

/** Looks at once, on the calling thread. */
export const inlineMinima: MinimumFinder = {
  find: (frame) => {
    if (!hasUnknownMinimum(frame.statistics)) return null
    const minimum = new FrameMinimum()
    minimum.settle(
      minimumOrNull(Buffer.concat(frame.chunks), LIMITS.minimumBatchMaxRawBytes),
      frame.statistics.maxTimestampMs,
    )
    return minimum
  },
  close: async () => undefined,
}

/** What was found, by the place in the list. */
export function knownMinima(minima: readonly (FrameMinimum | null)[]): ReadonlyMap<number, bigint> {
  const known = new Map<number, bigint>()
  for (const [at, minimum] of minima.entries()) {
    if (minimum && minimum.valueMs !== null) known.set(at, minimum.valueMs)
  }
  return known
}

/** Waits until all are settled, `patienceMs` are over, or `signal` is aborted; never rejects. */
export async function settledWithin(
  minima: readonly (FrameMinimum | null)[],
  {
    clock,
    patienceMs,
    signal,
  }: { readonly clock: Clock; readonly patienceMs: number; readonly signal?: AbortSignal },
): Promise<void> {
  const open = minima.filter((minimum) => minimum !== null && !minimum.isSettled)
  if (open.length === 0 || patienceMs === 0) return
  const done = new AbortController()
  const over = clock.sleep(patienceMs, signal ? AbortSignal.any([done.signal, signal]) : done.signal)
  await Promise.race([Promise.all(open.map((minimum) => minimum?.settled)), over.catch(() => undefined)])
  done.abort()
}
