import type { TargetPlace } from '../format/restore-ledger.ts'
import { readCommitted } from '../kafka/committed-log.ts'
import type { PartitionReaderOptions } from '../kafka/partition-reader.ts'
import type { ReadableLog } from './readable-logs.ts'

/** Records behind the last one of a restore: whoever writes there now. */
export interface RecordsBehind {
  readonly records: number
  /** Counting ended, and there may be more. */
  readonly isAtLeast: boolean
}

/** Counted no further: a topic that is in use again may have got any number. */
const COUNTED_MAX = 1_000

/** Counts what readers of committed records see from `beginOffset` on. */
export async function countBehind(
  options: PartitionReaderOptions,
  place: TargetPlace,
  beginOffset: bigint,
  log: ReadableLog | undefined,
): Promise<RecordsBehind> {
  let records = 0
  if (log === undefined) return { records, isAtLeast: false }
  const begin = beginOffset > log.logStart ? beginOffset : log.logStart
  const range = { ...place, beginOffset: begin, endOffset: log.lastStable }
  for await (const batch of readCommitted(options, range, () => undefined)) {
    records += batch.records.length
    if (records >= COUNTED_MAX) return { records: COUNTED_MAX, isAtLeast: true }
  }
  return { records, isAtLeast: false }
}
