import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { offsetStateKey } from '../repository/key-layout.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { readOffsetState, readSeen } from './offset-schema.ts'
import type { OffsetState } from './offset-state.ts'
import { assertFile, fileAt } from './plain-file.ts'

/** A backup, by its name and its repository. */
export interface BackupPlace {
  readonly backupId: string
  /** Location, without secrets; null: whichever it is. */
  readonly repository: string | null
}

/** What was found, and if nothing, why; both empty: there is nothing. */
export interface FoundState {
  readonly state: OffsetState | null
  readonly complaint: string | null
}

const NOTHING: FoundState = { state: null, complaint: null }

/** What the database of this machine says. Never fails, changes nothing, and blocks for a moment. */
export async function readLocalState(path: string, place: BackupPlace): Promise<FoundState> {
  try {
    if (!fileAt(path)) return NOTHING
    assertFile(path)
    // Early releases of Node.js 24 call it experimental on standard error, which only those shall see who use it.
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(path, { readOnly: true, timeout: LIMITS.offsetStateBusyMs })
    try {
      const state = readOffsetState(database, { ...place, rowsMax: LIMITS.offsetStateMaxRows })
      if (!state) return NOTHING
      const { repository, backupId } = place
      const seen = repository === null ? null : readSeen(database, repository, backupId)
      return { state: { ...state, seen }, complaint: null }
    } finally {
      database.close()
    }
  } catch (error) {
    return { state: null, complaint: `${path}: ${(error as Error).message}` }
  }
}

/**
 * What this machine knows of a run that was told another address of the repository, such as another name of the store: nobody else
 * has its id. Null: nothing. Never fails.
 */
export async function findRunState(
  paths: readonly string[],
  backupId: string,
  runId: string,
): Promise<OffsetState | null> {
  for (const path of paths) {
    const { state } = await readLocalState(path, { backupId, repository: null })
    if (state?.job.runId === runId) return state
  }
  return null
}

/**
 * What the copy in the repository says.
 * @throws KB_STORAGE_* when the store cannot be read; a copy that is damaged is only a complaint
 */
export async function readCopiedState(
  storage: StorageBackend,
  backupId: string,
  signal: AbortSignal,
): Promise<FoundState> {
  const key = offsetStateKey(backupId)
  let bytes: Buffer
  try {
    bytes = await storage.read(key, LIMITS.offsetStateMaxBytes, { signal })
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return NOTHING
    if (isKafkaBackupError(error, 'KB_LIMIT_EXCEEDED')) return { state: null, complaint: error.message }
    throw error
  }
  try {
    const { openSerialized } = await import('./serialized-database.ts')
    const database = openSerialized(bytes)
    try {
      const rowsMax = LIMITS.offsetStateMaxRows
      return { state: readOffsetState(database, { backupId, repository: null, rowsMax }), complaint: null }
    } finally {
      database.close()
    }
  } catch (error) {
    return { state: null, complaint: `${key}: ${(error as Error).message}` }
  }
}
