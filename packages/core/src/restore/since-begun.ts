import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import { openExistingBackup } from '../repository/open-backup.ts'
import type { LedgerState } from '../repository/restore-ledger.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { isRelativeTime } from './request-time.ts'
import { planRestore, type RestoreSelection } from './restore-plan.ts'
import type { RestoreRequest } from './restore-request.ts'
import { boundedWindow, type TimeWindow } from './time-window.ts'

/** What is another one by now than when a restore was begun that is gone on with or reported. */
export interface SinceBegun {
  /** The newest commit, when the restore is of an older one and no commit was asked for. */
  readonly newer: NewerCommit | null
  /** Times that were asked for relative to now, as they were written; what they came to then counts. null: that end is not relative. */
  readonly keptTimes: { readonly from: string | null; readonly to: string | null }
}

/** A commit that a restore is older than. */
export interface NewerCommit {
  readonly commit: bigint
  /** False: of this commit, and with the times that the restore keeps, the same request would come to the same plan. */
  readonly isMore: boolean
}

/** Compares a restore with what the same request, with the same times, would come to of the newest commit. @throws KB_STORAGE_*, KB_COMMIT_* as opening a backup does */
export async function sinceBegun(
  ledger: LedgerState,
  request: RestoreRequest,
  options: {
    readonly storage: StorageBackend
    readonly select: (state: BackupState, window: TimeWindow | null) => RestoreSelection
    readonly signal: AbortSignal
  },
): Promise<SinceBegun> {
  const relative = (text: string | null) => (text !== null && isRelativeTime(text) ? text : null)
  const keptTimes = { from: relative(request.from), to: relative(request.to) }
  if (request.asOfCommit !== null) return { newer: null, keptTimes }
  const { storage, signal } = options
  const state = await openExistingBackup(storage, request.backupId, { signal })
  const commit = state.tip?.number ?? 0n
  if (commit <= ledger.opened.commit) return { newer: null, keptTimes }
  const isMore = planOfNewest(state, ledger, options.select) !== ledger.opened.planSha256
  return { newer: { commit, isMore }, keptTimes }
}

/** null: there is no plan, because something that was chosen is gone. */
function planOfNewest(
  state: BackupState,
  { opened }: LedgerState,
  select: Parameters<typeof sinceBegun>[2]['select'],
): string | null {
  try {
    // Times relative to now would have moved on, and take something else although nothing was added.
    return planRestore(state, select(state, boundedWindow(opened))).planSha256
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_USAGE') || isKafkaBackupError(error, 'KB_TOPIC_NOT_FOUND')) return null
    throw error
  }
}
