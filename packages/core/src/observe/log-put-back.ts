import { readCommit } from '../repository/commit-log.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { CommitMark } from './offset-state.ts'

/** Where the log of a backup ends; null: there is none. */
export interface LogEnd {
  readonly backupId: string
  readonly commit: CommitMark | null
}

/**
 * Whether a log lacks a commit that was seen, or has another one in its place. A commit that cannot be read now proves nothing;
 * never fails.
 */
export async function isLogPutBack(
  storage: StorageBackend,
  { backupId, commit }: LogEnd,
  seen: CommitMark,
  signal: AbortSignal,
): Promise<boolean> {
  if (commit === null || commit.number < seen.number) return true
  if (commit.number === seen.number) return commit.sha256 !== seen.sha256
  try {
    const read = await readCommit(storage, backupId, seen.number, signal)
    return read.sha256 !== seen.sha256
  } catch {
    // Whatever is wrong there, opening the backup or validating it says so.
    return false
  }
}
