import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { ArtifactRecord } from '../format/commit.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { latestArtifact, readArtifact } from './artifacts.ts'
import { parseKey } from './key-layout.ts'
import { openUndamaged } from './removal-of.ts'

/**
 * The newest document of a kind as of the state's last commit, and the key that it has; null: no commit names any.
 * @throws KB_PRUNED when a later commit took it out and it is deleted; KB_OBJECT_NOT_FOUND, KB_VALIDATION_FAILED, KB_STORAGE_*
 */
export async function newestDocument(
  storage: StorageBackend,
  state: BackupState,
  kind: string,
  signal?: AbortSignal,
): Promise<{ readonly key: string; readonly bytes: Buffer } | null> {
  const record = latestArtifact(state, kind)
  if (!record) return null
  try {
    return { key: record.key, bytes: await readArtifact(storage, record, signal) }
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) throw error
    const newest = await openUndamaged(storage, state.backupId, signal)
    if (!newest || isNamed(newest, record)) throw error
    throw prunedError(state, newest, record)
  }
}

/** Whether a state still has a document that an earlier one names. */
export function isNamed({ artifacts }: BackupState, { key }: ArtifactRecord): boolean {
  return artifacts.some((own) => own.key === key)
}

function prunedError(
  asOf: BackupState,
  newest: BackupState,
  { kind, key }: ArtifactRecord,
): KafkaBackupError {
  const left = newest.artifacts.find((own) => own.kind === kind)
  const parsed = left && parseKey(asOf.backupId, left.key)
  const since =
    parsed?.kind === 'artifact' ? `; the oldest that is left was written for commit ${parsed.number}` : ''
  return new KafkaBackupError(
    'KB_PRUNED',
    `the document of ${kind} as of commit ${asOf.tip?.number ?? 0n} was pruned, at the latest with commit ${newest.prunes.at(-1)}${since}`,
    { context: { backup: asOf.backupId, key } },
  )
}
