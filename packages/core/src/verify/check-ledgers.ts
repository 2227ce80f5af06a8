import { restoreEntryKey } from '../repository/key-layout.ts'
import { readLedger } from '../repository/restore-ledger.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { damageFrom, type Finding, isDamageError } from './finding.ts'

/** Reads the ledger of each restore from its first entry to its last. What is wrong with one concerns no record of the backup. */
export async function checkLedgers(
  storage: StorageBackend,
  backupId: string,
  restoreIds: Iterable<string>,
  signal?: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const restoreId of restoreIds) {
    try {
      await readLedger(storage, backupId, restoreId, signal)
    } catch (error) {
      if (!isDamageError(error)) throw error
      findings.push(damageFrom(error, error.context.key ?? restoreEntryKey(backupId, restoreId, 1n), []))
    }
  }
  return findings
}
