import { KafkaBackupError } from '@kafka-backup/core'

/** A setting that loading has checked for this verb already; its absence is a defect of ours. */
export function required<T>(value: T | undefined): T {
  if (value === undefined)
    throw new KafkaBackupError('KB_INTERNAL', 'a required setting got past the check of the configuration')
  return value
}
