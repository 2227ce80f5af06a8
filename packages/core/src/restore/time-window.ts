/** Effective timestamps in milliseconds, both inclusive; null: no bound on that side. */
export interface TimeWindow {
  readonly fromMs: bigint | null
  readonly toMs: bigint | null
}

/** A window without bounds is none: it would leave out records without a timestamp. */
export function boundedWindow({ fromMs, toMs }: TimeWindow): TimeWindow | null {
  return fromMs === null && toMs === null ? null : { fromMs, toMs }
}

/** How the records between two timestamps lie to a window. `partly` also stands for: not known. */
export type WindowCoverage = 'inside' | 'outside' | 'partly'

/** Kafka's word for a record that has no timestamp. */
const NO_TIMESTAMP = -1n

/** A record without a timestamp is in no window. */
export function isInWindow(window: TimeWindow, timestampMs: bigint): boolean {
  return (
    timestampMs !== NO_TIMESTAMP &&
    (window.fromMs === null || timestampMs >= window.fromMs) &&
    (window.toMs === null || timestampMs <= window.toMs)
  )
}

/**
 * What the smallest and the largest timestamp prove of all records between them; `minTimestampMs` is null when it is not known. Records
 * without a timestamp may be anywhere below zero, so that only a minimum of zero or more proves that there are none.
 */
export function coverageOf(
  window: TimeWindow | null,
  times: { readonly minTimestampMs: bigint | null; readonly maxTimestampMs: bigint },
): WindowCoverage {
  if (window === null) return 'inside'
  const { fromMs, toMs } = window
  const { minTimestampMs: min, maxTimestampMs: max } = times
  if (fromMs !== null && max < fromMs) return 'outside'
  if (min === null) return 'partly'
  if (toMs !== null && min > toMs) return 'outside'
  if (min === NO_TIMESTAMP && max === NO_TIMESTAMP) return 'outside'
  const isInside = min >= 0n && (fromMs === null || min >= fromMs) && (toMs === null || max <= toMs)
  return isInside ? 'inside' : 'partly'
}
