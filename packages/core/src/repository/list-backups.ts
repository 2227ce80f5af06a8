import type { StorageBackend } from '../storage/storage-backend.ts'
import { commitPrefix, parseKey } from './key-layout.ts'

/** Ids of the backups in a repository, sorted: folders that hold a commit. Other folders are not ours. */
export async function listBackups(storage: StorageBackend, signal?: AbortSignal): Promise<string[]> {
  const options = signal ? { signal } : {}
  const backups: string[] = []
  for (const folder of await storage.listFolders('', options)) {
    if (await holdsCommit(storage, folder, signal)) backups.push(folder)
  }
  return backups
}

/** Whether a folder of a repository is one of its backups. */
export async function holdsCommit(
  storage: StorageBackend,
  folder: string,
  signal?: AbortSignal,
): Promise<boolean> {
  for await (const entry of storage.list(commitPrefix(folder), signal ? { signal } : {})) {
    if (parseKey(folder, entry.key)?.kind === 'commit') return true
  }
  return false
}
