import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { ArtifactRecord } from '../format/commit.ts'
import { decodeGroups, encodeGroups, type GroupsDocument } from '../format/groups-document.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { writeArtifact } from './artifacts.ts'
import { newestDocument } from './newest-document.ts'

const KIND = 'groups'

/**
 * The groups as of the state's last commit; null: no commit names any.
 * @throws KB_PRUNED, KB_OBJECT_NOT_FOUND, KB_VALIDATION_FAILED, KB_FORMAT_UNSUPPORTED, KB_STORAGE_*
 */
export async function latestGroups(
  storage: StorageBackend,
  state: BackupState,
  signal?: AbortSignal,
): Promise<GroupsDocument | null> {
  const newest = await newestDocument(storage, state, KIND, signal)
  if (!newest) return null
  const document = decodeGroups(newest.bytes)
  if (document.backupId === state.backupId) return document
  throw new KafkaBackupError('KB_VALIDATION_FAILED', `it holds groups of backup ${document.backupId}`, {
    context: { key: newest.key },
  })
}

/** Writes them for the next commit. @throws KB_LIMIT_EXCEEDED, KB_STORAGE_* */
export function writeGroups(
  storage: StorageBackend,
  state: BackupState,
  document: GroupsDocument,
  signal?: AbortSignal,
): Promise<ArtifactRecord> {
  const artifact = { kind: KIND, writer: document.writer, bytes: encodeGroups(document) }
  return writeArtifact(storage, state, artifact, signal)
}
