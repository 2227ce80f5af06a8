import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { readCommit } from './commit-log.ts'

/**
 * The last commit that was written at a time or before it, by the clocks of its writers; a few commits are read. `state`: the newest of the
 * backup, which has a commit. @throws KB_USAGE for a time before the first, KB_OBJECT_NOT_FOUND, KB_COMMIT_CORRUPT
 */
export async function commitAtTime(
  storage: StorageBackend,
  state: BackupState,
  timeMs: bigint,
  signal?: AbortSignal,
): Promise<bigint> {
  if (state.tip && state.tip.createdAtMs <= timeMs) return state.tip.number
  let low = 0n
  let high = state.tip?.number ?? 0n
  while (high - low > 1n) {
    const middle = (low + high) / 2n
    const { commit } = await readCommit(storage, state.backupId, middle, signal)
    if (commit.createdAtMs <= timeMs) low = middle
    else high = middle
  }
  if (low > 0n) return low
  const begun =
    state.createdAtMs === null ? '' : `, and begins at ${new Date(Number(state.createdAtMs)).toISOString()}`
  throw new KafkaBackupError('KB_USAGE', `backup ${state.backupId} knows nothing of that time${begun}`, {
    hint: 'The commits of each run are in: kafka-backup describe --output-format json',
  })
}
