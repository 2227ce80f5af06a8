import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import { shellWord } from '../runtime/shell-word.ts'
import { outerFolders } from '../storage/outer-folders.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { isBackupId } from './key-layout.ts'
import { holdsCommit } from './list-backups.ts'

/** How the places around that of a new backup are looked at. */
export interface OuterBackupOptions {
  /** Opens a location of the same store, with the same credentials. @throws KB_LOCATION_INVALID */
  readonly open: (location: string) => StorageBackend
  readonly signal: AbortSignal
}

/**
 * Refuses a place inside of a backup: what is written there would be foreign to that backup, and gone with it. For who is about to create
 * the first object of a backup. Costs a listing for each folder above, {@link LIMITS.outerFoldersMax} at most; where an account may not
 * list one, nothing is known of it and what is above it.
 * @throws KB_LOCATION_INVALID, KB_STORAGE_*
 */
export async function assertOutsideBackups(
  location: string,
  { open, signal }: OuterBackupOptions,
): Promise<void> {
  let left = LIMITS.outerFoldersMax
  for (const { folder, outerLocation } of outerFolders(location)) {
    if (left-- === 0) return
    const outer = openOuter(outerLocation, open)
    if (outer === undefined) return
    try {
      if (isBackupId(folder) && (await holdsCommit(outer, folder, signal)))
        throw insideBackup(location, folder, outer.location)
    } catch (error) {
      if (isKafkaBackupError(error) && error.category === 'permission') return
      throw error
    } finally {
      await outer.close()
    }
  }
}

/** What is above a bucket, a container or the root of a disk is no place. */
function openOuter(location: string, open: OuterBackupOptions['open']): StorageBackend | undefined {
  try {
    return open(location)
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_LOCATION_INVALID')) return undefined
    throw error
  }
}

function insideBackup(location: string, backupId: string, outer: string): KafkaBackupError {
  const message = `${location} is inside of backup "${backupId}" of the repository ${outer}: a repository there would be foreign to that backup`
  const hint = `Name the repository itself, --repo ${shellWord(outer)}, or a place outside of it.`
  return new KafkaBackupError('KB_LOCATION_INVALID', message, { context: { backup: backupId }, hint })
}
