import type { PlacedPart } from '../format/backup-state.ts'

/** Effective timestamps of records in milliseconds, both inclusive. */
export interface RecordTimes {
  /** null: not known; -1: some record has none. */
  readonly firstMs: bigint | null
  /** -1: there is no record, or none with a timestamp. */
  readonly lastMs: bigint
}

const NO_RECORDS: RecordTimes = { firstMs: null, lastMs: -1n }

/** Of all records of these parts. */
export function timesOf(parts: readonly Pick<PlacedPart, 'part'>[]): RecordTimes {
  return joinTimes(
    parts
      .filter(({ part }) => part.records > 0)
      .map(({ part }) => ({ firstMs: part.minTimestampMs, lastMs: part.maxTimestampMs })),
  )
}

/** Of all of them together; what has no records counts for nothing. */
export function joinTimes(all: readonly RecordTimes[]): RecordTimes {
  const [begin, ...others] = all.filter((times) => times.firstMs !== null || times.lastMs >= 0n)
  if (!begin) return NO_RECORDS
  return others.reduce(
    (sum, own) => ({
      firstMs:
        sum.firstMs === null || own.firstMs === null
          ? null
          : own.firstMs < sum.firstMs
            ? own.firstMs
            : sum.firstMs,
      lastMs: own.lastMs > sum.lastMs ? own.lastMs : sum.lastMs,
    }),
    begin,
  )
}
