import type {
  BackupState,
  ClusterDocument,
  ClusterView,
  StorageBackend,
  TopicsDocument,
} from '@kafka-backup/core'
import { newestCluster, newestTopics } from '@kafka-backup/core/repository'

/** What a backup knows of its cluster as of a commit; null: no run has captured it. */
export interface KnownCluster {
  readonly state: BackupState
  readonly cluster: ClusterDocument | null
  readonly topics: TopicsDocument | null
}

/** @throws KB_OBJECT_NOT_FOUND, KB_VALIDATION_FAILED, KB_FORMAT_UNSUPPORTED, KB_STORAGE_* */
export async function readKnownCluster(
  storage: StorageBackend,
  state: BackupState,
  signal: AbortSignal,
): Promise<KnownCluster> {
  const [cluster, topics] = await Promise.all([
    newestCluster(storage, state, signal),
    newestTopics(storage, state, signal),
  ])
  return { state, cluster, topics }
}

/** As it is compared; of what no run has captured, nothing is known. */
export function viewOf({ state, cluster, topics }: KnownCluster): ClusterView {
  const nothing = { entries: null, unread: 'NOT_CAPTURED', readAtMs: null } as const
  const sections = cluster ?? { features: nothing, acls: nothing, quotas: nothing, scramUsers: nothing }
  const clusterId = cluster?.clusterId ?? state.source?.clusterId ?? ''
  return { ...sections, clusterId, brokers: cluster?.brokers ?? [], topics: topics?.topics ?? null }
}
