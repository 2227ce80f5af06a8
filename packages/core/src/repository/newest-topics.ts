import type { BackupState } from '../format/backup-state.ts'
import { decodeTopics, TOPICS_KIND, type TopicsDocument } from '../format/topics-document.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { newestDocument } from './newest-document.ts'

/**
 * Partitions, replicas and settings of topics, as of the state's last commit; null: no run captured them.
 * @throws KB_PRUNED, KB_OBJECT_NOT_FOUND, KB_VALIDATION_FAILED, KB_FORMAT_UNSUPPORTED, KB_LIMIT_EXCEEDED, KB_STORAGE_*
 */
export async function newestTopics(
  storage: StorageBackend,
  state: BackupState,
  signal?: AbortSignal,
): Promise<TopicsDocument | null> {
  const newest = await newestDocument(storage, state, TOPICS_KIND, signal)
  return newest && decodeTopics(newest.bytes)
}
