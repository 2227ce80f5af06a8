import type { BackupState } from '../format/backup-state.ts'
import { supersededDocuments } from '../format/pruned-documents.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { commitAtTime } from './commit-at-time.ts'
import { openBackup } from './open-backup.ts'

/** What bounds the documents that a prune takes. */
export interface DocumentChoice {
  /** Milliseconds since the epoch; null: no time was given. */
  readonly beforeMs: bigint | null
  readonly maxBytes: number | null
  readonly floor: BackupState | null
  readonly isChosen: (topic: string) => boolean
}

/**
 * The earlier states whose superseded documents may go, where all of them say so; none: every document stays. A time stands for the last
 * commit at it or before. Size and a choice of topics say nothing of documents.
 */
export async function documentBounds(
  storage: StorageBackend,
  state: BackupState,
  { beforeMs, maxBytes, floor, isChosen }: DocumentChoice,
  signal: AbortSignal,
): Promise<BackupState[]> {
  if (supersededDocuments(state.artifacts).length === 0) return []
  if (![...state.topics.keys()].every(isChosen)) return []
  if (beforeMs === null) return floor !== null && maxBytes === null ? [floor] : []
  if (state.createdAtMs === null || state.createdAtMs > beforeMs) return []
  const asOfCommit = await commitAtTime(storage, state, beforeMs, signal)
  const asOf = await openBackup(storage, state.backupId, { asOfCommit, signal })
  return floor === null ? [asOf] : [asOf, floor]
}
