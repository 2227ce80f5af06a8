import type { BackupState } from '../format/backup-state.ts'
import { decodeTopics, TOPICS_KIND, type TopicsDocument } from '../format/topics-document.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { latestArtifact, readArtifact } from './artifacts.ts'

/**
 * Partitions, replicas and settings of topics, as of the state's last commit; null: no run captured them.
 * @throws KB_OBJECT_NOT_FOUND, KB_VALIDATION_FAILED, KB_FORMAT_UNSUPPORTED, KB_LIMIT_EXCEEDED, KB_STORAGE_*
 */
export async function newestTopics(
  storage: StorageBackend,
  state: BackupState,
  signal?: AbortSignal,
): Promise<TopicsDocument | null> {
  const record = latestArtifact(state, TOPICS_KIND)
  return record ? decodeTopics(await readArtifact(storage, record, signal)) : null
}
