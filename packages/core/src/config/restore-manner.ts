import type { ExistingTopics } from '../restore/preflight/target-content.ts'
import type { CheckedValues } from './checked-values.ts'

/** How the target is treated. */
export interface RestoreManner {
  readonly existingTopics: ExistingTopics
  readonly isHoldingRetention: boolean
  readonly mode: 'auto' | 'transactions' | 'idempotent'
  readonly isKeepingOffsets: boolean
  /** Most markers for offsets without a record. */
  readonly gapMax: number
  readonly fillerMax: number
  /** Read back and compare when everything is written. */
  readonly isVerifying: boolean
}

/** Gathers it from the settings. */
export function restoreManner(values: CheckedValues): RestoreManner {
  const isPurging = values.get('restore.purge_topics') === true
  return Object.freeze({
    existingTopics: isPurging ? 'purge' : (values.get('restore.existing_topics') as ExistingTopics),
    isHoldingRetention: values.get('restore.hold_retention') as boolean,
    mode: values.get('restore.mode') as RestoreManner['mode'],
    isKeepingOffsets: values.get('restore.keep_offsets') as boolean,
    gapMax: values.get('restore.keep_offsets_max_gap') as number,
    fillerMax: values.get('restore.keep_offsets_max_filler') as number,
    isVerifying: values.get('restore.verify') as boolean,
  })
}
