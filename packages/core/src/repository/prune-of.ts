import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { PrunedHistory } from '../format/pruned-history.ts'
import type { SegmentPart } from '../format/segment-record.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { openBackup } from './open-backup.ts'

/** What names a part of a history. */
export type PartName = Pick<SegmentPart, 'topic' | 'partition' | 'lineage' | 'nextOffset'>

/** What `state` says was pruned of the history that a part belongs to, if that took the part; undefined: the part is held. */
export function pruneOf(
  state: BackupState,
  { topic, partition, lineage, nextOffset }: PartName,
): PrunedHistory | undefined {
  const history = state.histories(topic, partition).find((entry) => entry.lineage === lineage)
  return history?.pruned && nextOffset <= history.pruned.endOffset ? history.pruned : undefined
}

/**
 * The same as the newest commit has it: for who finds that a segment is not there. Undefined also when the log is damaged, which says
 * nothing of a prune.
 */
export async function newestPruneOf(
  storage: StorageBackend,
  backupId: string,
  part: PartName,
  signal?: AbortSignal,
): Promise<PrunedHistory | undefined> {
  const newest = await openUndamaged(storage, backupId, signal)
  return newest ? pruneOf(newest, part) : undefined
}

/** The newest state; null: a commit is damaged. */
export async function openUndamaged(
  storage: StorageBackend,
  backupId: string,
  signal?: AbortSignal,
): Promise<BackupState | null> {
  try {
    return await openBackup(storage, backupId, signal ? { signal } : {})
  } catch (error) {
    if (isKafkaBackupError(error) && error.category === 'integrity') return null
    throw error
  }
}
