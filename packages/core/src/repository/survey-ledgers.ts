import { isKafkaBackupError, type KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { type LedgerState, listRestoreIds, readLedger } from './restore-ledger.ts'

/** A restore whose ledger cannot be read, and why. */
export interface DamagedLedger {
  readonly restoreId: string
  /** Of category `integrity`. */
  readonly error: KafkaBackupError
}

/** The ledgers of a backup, as far as they can be read. */
export interface LedgerSurvey {
  /** In the order in which they were begun. */
  readonly ledgers: readonly LedgerState[]
  /** By id. */
  readonly damaged: readonly DamagedLedger[]
}

/** Every ledger of a backup: one that is damaged does not hide the others. @throws KB_STORAGE_* */
export async function surveyLedgers(
  storage: StorageBackend,
  backupId: string,
  signal?: AbortSignal,
): Promise<LedgerSurvey> {
  const ledgers: LedgerState[] = []
  const damaged: DamagedLedger[] = []
  for (const restoreId of await listRestoreIds(storage, backupId, signal)) {
    try {
      ledgers.push(await readLedger(storage, backupId, restoreId, signal))
    } catch (error) {
      if (!isKafkaBackupError(error) || error.category !== 'integrity') throw error
      damaged.push({ restoreId, error })
    }
  }
  return { ledgers: ledgers.sort((a, b) => a.openedAtMs - b.openedAtMs), damaged }
}
