import type {
  BackupState,
  GroupRecord,
  GroupsDocument,
  IsRestoredHistory,
  LedgerState,
  OffsetReport,
  ReportedRestore,
  SourceRoute,
  StorageBackend,
} from '@kafka-backup/core'
import { requireBackupId } from '@kafka-backup/core/config'
import { historyAt, isSameHistory, reportOffsets } from '@kafka-backup/core/offsets'
import {
  commitAtTime,
  latestGroups,
  mappedRuns,
  openExistingBackup,
  readLedgers,
  writtenEnds,
} from '@kafka-backup/core/repository'
import { planRestore, requestOfDocument } from '@kafka-backup/core/restore'
import { openAsOf } from './as-of-state.ts'
import { chosenRestore } from './chosen-restore.ts'
import type { CommandContext } from './command.ts'
import { chosenGroups } from './group-choice.ts'
import { restoreSelectorOf } from './restore-selector.ts'
import type { ShownRestore } from './restored-places.ts'

/** The groups that were asked for, and the restore that tells where they go on. */
export interface KnownGroups {
  readonly backupId: string
  /** Of the commit that the groups are as of. */
  readonly commit: bigint
  /** null: the backup knew no groups then. */
  readonly document: GroupsDocument | null
  readonly groups: readonly GroupRecord[]
  /** The newest state of the backup. */
  readonly newest: BackupState
  /** All restores of the backup, oldest first. */
  readonly ledgers: readonly LedgerState[]
  /** undefined: none was named, and none has finished. @throws KB_RESTORE_NOT_FOUND for a name that is none */
  readonly shown: ShownRestore | undefined
  /** By its offset map. */
  report(shown: ShownRestore): Promise<OffsetReport>
  restoreOf(shown: ShownRestore): Promise<ReportedRestore>
  isRestoredHistory(): Promise<IsRestoredHistory>
}

/** Reads what a question about offsets of groups is about. @throws KB_USAGE, KB_BACKUP_NOT_FOUND */
export async function readKnownGroups(
  context: CommandContext,
  storage: StorageBackend,
): Promise<KnownGroups> {
  const { loaded, options, signal } = context
  const backupId = requireBackupId(loaded.config)
  const { newest, asked } = await openAsOf(context, storage, backupId)
  const document = await latestGroups(storage, asked, signal)
  const groups = chosenGroups(document?.groups ?? [], options.groups)
  const ledgers = await readLedgers(storage, backupId, signal)
  const restoreOf = ({ ledger }: ShownRestore) => reportedRestore(storage, ledger, signal)
  const isRestoredHistory = async (): Promise<IsRestoredHistory> => {
    const commits = await commitsOfCarried(storage, newest, groups, signal)
    return (position, source, { readAtMs, unread }) => {
      const known = unread === undefined ? asked.tip?.number : commits.get(readAtMs)
      const committed = historyAt(newest, position, known ?? 0n)
      const restored = source.lineage
      return committed === undefined || isSameHistory(newest, position, { committed, restored })
    }
  }
  return {
    ...{ backupId, commit: asked.tip?.number ?? 0n, document, groups, newest, ledgers },
    get shown() {
      return chosenRestore(ledgers, options.restore, backupId)
    },
    restoreOf,
    isRestoredHistory,
    report: async (shown) => reportOffsets(groups, await restoreOf(shown), await isRestoredHistory()),
  }
}

/** What the backup knew of histories when offsets were read that were carried over since; by the time of reading. */
async function commitsOfCarried(
  storage: StorageBackend,
  newest: BackupState,
  groups: readonly GroupRecord[],
  signal: AbortSignal,
): Promise<ReadonlyMap<bigint, bigint>> {
  const times = new Set(groups.flatMap(({ unread, readAtMs }) => (unread === undefined ? [] : [readAtMs])))
  const commits = new Map<bigint, bigint>()
  for (const timeMs of times) {
    const isBeforeFirst = newest.createdAtMs !== null && timeMs < newest.createdAtMs
    commits.set(timeMs, isBeforeFirst ? 0n : await commitAtTime(storage, newest, timeMs, signal))
  }
  return commits
}

async function reportedRestore(
  storage: StorageBackend,
  ledger: LedgerState,
  signal: AbortSignal,
): Promise<ReportedRestore> {
  const { opened, begun, finished, restoreId } = ledger
  return {
    sources: opened.sources,
    routes: await routesOf(storage, ledger, signal),
    begins: new Map(begun?.partitions.map((own) => [`${own.topic}/${own.partition}`, own.beginOffset])),
    ends: writtenEnds(ledger),
    isKeepingOffsets: requestOfDocument(opened.request).keepOffsets,
    isFinished: finished !== null,
    runs: () => mappedRuns(storage, opened.backupId, restoreId, signal),
  }
}

/** Which sources go to which target partitions is decided by its plan, also for those that no record went to. */
async function routesOf(
  storage: StorageBackend,
  { opened }: LedgerState,
  signal: AbortSignal,
): Promise<SourceRoute[]> {
  // Records of the backup may have been pruned since: what became of them is asked, not they.
  const state = await openExistingBackup(storage, opened.backupId, { signal, asOfCommit: opened.commit })
  const { works, partitions } = planRestore(
    state,
    restoreSelectorOf(requestOfDocument(opened.request))(state, null),
  )
  return works.map(({ sources, targets }) => ({
    sources: sources.flatMap((at) => {
      const own = partitions[at]
      return own ? [{ topic: own.sourceTopic, partition: own.partition }] : []
    }),
    targets,
  }))
}
