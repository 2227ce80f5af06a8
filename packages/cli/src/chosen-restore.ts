import type { LedgerState } from '@kafka-backup/core'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import type { ShownRestore } from './restored-places.ts'

/**
 * The restore that is meant; undefined: none is named, and none has finished. `byAge`: all of the backup, oldest first.
 * @throws KB_RESTORE_NOT_FOUND for a name that is none
 */
export function chosenRestore(
  byAge: readonly LedgerState[],
  asked: unknown,
  backupId: string,
): ShownRestore | undefined {
  const ledger =
    asked === undefined
      ? byAge.findLast(({ finished }) => finished !== null)
      : byAge.find(({ restoreId }) => restoreId === asked)
  if (ledger) return { ledger, isNewest: ledger === byAge.at(-1) }
  if (asked === undefined) return undefined
  throw new KafkaBackupError('KB_RESTORE_NOT_FOUND', `backup ${backupId} knows no restore ${asked}`)
}

/** The same where there must be one. @throws KB_RESTORE_NOT_FOUND */
export function requiredRestore(shown: ShownRestore | undefined, backupId: string): ShownRestore {
  if (shown) return shown
  throw new KafkaBackupError('KB_RESTORE_NOT_FOUND', `no restore of backup ${backupId} has finished`, {
    hint: 'Offsets are mapped by what a restore wrote; to set groups to what they had, use offset-reset with --strategy as-of.',
  })
}
