import type { TimeWindow } from './restore-plan.ts'

/** What is known of the effective timestamps of some records, in milliseconds. */
export interface TimeBounds {
  /** null: unknown. */
  readonly minTimestampMs: bigint | null
  /** An upper bound; -1 when there is no record. */
  readonly maxTimestampMs: bigint
}

/** Both ends are inclusive. A record without a timestamp (-1) is in no window that has a beginning. */
export function isInWindow(timestampMs: bigint, { fromMs, toMs }: TimeWindow): boolean {
  return (fromMs === null || timestampMs >= fromMs) && (toMs === null || timestampMs <= toMs)
}

/** False when no record of these can be in the window. */
export function mayHoldTime(
  { minTimestampMs, maxTimestampMs }: TimeBounds,
  { fromMs, toMs }: TimeWindow,
): boolean {
  return (
    (fromMs === null || maxTimestampMs >= fromMs) &&
    (toMs === null || minTimestampMs === null || minTimestampMs <= toMs)
  )
}

/** True when all records of these are in the window for sure. */
export function isInsideWindow(
  { minTimestampMs, maxTimestampMs }: TimeBounds,
  { fromMs, toMs }: TimeWindow,
): boolean {
  const beginsInside = fromMs === null || (minTimestampMs !== null && minTimestampMs >= fromMs)
  return beginsInside && (toMs === null || maxTimestampMs <= toMs)
}
