import type { BackupState } from '../format/backup-state.ts'
import { CLUSTER_KIND, type ClusterDocument, decodeCluster } from '../format/cluster-document.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { newestDocument } from './newest-document.ts'

/**
 * The cluster beside its topics and groups, as of the state's last commit; null: no run described it.
 * @throws KB_PRUNED, KB_OBJECT_NOT_FOUND, KB_VALIDATION_FAILED, KB_FORMAT_UNSUPPORTED, KB_LIMIT_EXCEEDED, KB_STORAGE_*
 */
export async function newestCluster(
  storage: StorageBackend,
  state: BackupState,
  signal?: AbortSignal,
): Promise<ClusterDocument | null> {
  const newest = await newestDocument(storage, state, CLUSTER_KIND, signal)
  return newest && decodeCluster(newest.bytes)
}
