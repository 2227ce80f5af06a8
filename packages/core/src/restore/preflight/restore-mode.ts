import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { RestoreMode } from '../../format/restore-ledger.ts'
import type { LedgerState } from '../../repository/restore-ledger.ts'

/** A mode, and why there are no transactions; null: there are, or somebody chose so. */
export interface ChosenMode {
  readonly mode: RestoreMode
  readonly modeReason: string | null
}

/** What a mode is chosen by. */
export interface ModeOptions {
  readonly requestedMode: 'auto' | RestoreMode
  readonly mayUseTransactions: () => Promise<boolean>
  readonly unfinished: LedgerState | undefined
  readonly isResuming: boolean
}

/** A restore that is gone on with keeps its mode. @throws KB_USAGE, KB_CLUSTER_PERMISSION when the requested one cannot be */
export async function chooseMode(isKeepingOffsets: boolean, options: ModeOptions): Promise<ChosenMode> {
  const before = options.isResuming ? options.unfinished?.opened.mode : undefined
  if (before)
    return {
      mode: before,
      modeReason: before === 'idempotent' ? 'the restore was begun without transactions' : null,
    }
  if (isKeepingOffsets && options.requestedMode === 'transactions') {
    throw new KafkaBackupError(
      'KB_USAGE',
      'the markers of transactions would take offsets, so that records cannot keep theirs; nothing was written',
      { hint: 'Leave restore.mode at auto, or restore without --keep-offsets.' },
    )
  }
  if (isKeepingOffsets) {
    return { mode: 'idempotent', modeReason: 'the markers of transactions would take offsets' }
  }
  if (options.requestedMode === 'idempotent') return { mode: 'idempotent', modeReason: 'it was asked for' }
  if (await options.mayUseTransactions()) return { mode: 'transactions', modeReason: null }
  if (options.requestedMode === 'transactions') {
    throw new KafkaBackupError(
      'KB_CLUSTER_PERMISSION',
      'the account may not use transactional ids that begin with kafka-backup-restore-; nothing was written',
      { hint: 'Grant Write on them, or leave restore.mode at auto.' },
    )
  }
  return {
    mode: 'idempotent',
    modeReason: 'the account may not use transactional ids that begin with kafka-backup-restore-',
  }
}
