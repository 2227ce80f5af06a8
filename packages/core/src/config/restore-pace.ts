import type { CheckedValues } from './checked-values.ts'

/** How fast a restore writes, and what is done again after a failure. None of it changes a byte of the target. */
export interface RestorePace {
  /** Go on with the unfinished restore of the same plan. */
  readonly isResuming: boolean
  readonly concurrentPartitions: number
  /** undefined: no limit of its own. */
  readonly concurrentPartitionsPerTopic: number | undefined
  /** undefined: no limit. */
  readonly recordsPerSec: number | undefined
  readonly bytesPerSec: number | undefined
  readonly transactionMaxBytes: number
  readonly progressIntervalMs: number
}

/** Gathers them from the settings. */
export function restorePace(values: CheckedValues): RestorePace {
  return Object.freeze({
    isResuming: values.get('restore.resume') as boolean,
    concurrentPartitions: values.get('restore.max_concurrent_partitions') as number,
    concurrentPartitionsPerTopic: values.get('restore.max_concurrent_partitions_per_topic') as
      | number
      | undefined,
    recordsPerSec: values.get('restore.rate_limit_records_per_sec') as number | undefined,
    bytesPerSec: values.get('restore.rate_limit_bytes_per_sec') as number | undefined,
    transactionMaxBytes: values.get('restore.transaction_max_bytes') as number,
    progressIntervalMs: (values.get('restore.checkpoint_interval_secs') as number) * 1000,
  })
}
