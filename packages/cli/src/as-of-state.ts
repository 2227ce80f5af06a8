import type { BackupState, StorageBackend } from '@kafka-backup/core'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { commitAtTime, openExistingBackup } from '@kafka-backup/core/repository'
import { momentOf } from '@kafka-backup/core/settings'
import type { CommandContext } from './command.ts'

/** The newest state of a backup, and the one that was asked for. */
export interface AsOfStates {
  readonly newest: BackupState
  readonly asked: BackupState
}

/** @throws KB_USAGE, KB_BACKUP_NOT_FOUND */
export async function openAsOf(
  { options, clock, signal }: Pick<CommandContext, 'options' | 'clock' | 'signal'>,
  storage: StorageBackend,
  backupId: string,
): Promise<AsOfStates> {
  const { asOf, asOfCommit } = options
  if (asOf !== undefined && asOfCommit !== undefined) {
    throw new KafkaBackupError('KB_USAGE', '--as-of and --as-of-commit say the same thing: give one of them')
  }
  const commit = commitNumber(asOfCommit)
  const timeMs = asOf === undefined ? undefined : momentOf(String(asOf), clock.nowMs())
  const newest = await openExistingBackup(storage, backupId, { signal })
  const wanted = timeMs === undefined ? commit : await commitAtTime(storage, newest, timeMs, signal)
  if (wanted === undefined || wanted === newest.tip?.number) return { newest, asked: newest }
  return { newest, asked: await openExistingBackup(storage, backupId, { signal, asOfCommit: wanted }) }
}

/** @throws KB_USAGE for what is no number of a commit */
export function commitNumber(text: unknown): bigint | undefined {
  if (text === undefined) return undefined
  if (typeof text === 'string' && /^[1-9][0-9]{0,18}$/.test(text)) return BigInt(text)
  throw new KafkaBackupError('KB_USAGE', `--as-of-commit takes the number of a commit, not "${text}"`)
}
