import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { HeldSetting } from '../format/restore-ledger.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { restoresPrefix } from './key-layout.ts'
import { type LedgerOptions, listRestoreIds, RestoreLedger, readLedger } from './restore-ledger.ts'
import type { WaitingObject } from './waiting-objects.ts'

/** An open restore, and what it may still read: what its commit held of its partitions, and of documents. Times in milliseconds. */
export interface RestorePin {
  readonly restoreId: string
  readonly commit: bigint
  readonly clusterId: string
  readonly openedAtMs: number
  /** When its last entry was written, by the store's clock. */
  readonly lastEntryMs: number
  /** `topic/partition` of the source. */
  readonly partitions: ReadonlySet<string>
  /** Settings of target topics that its end would have put back. */
  readonly heldSettings: readonly HeldSetting[]
}

/** The open restores of a backup, and those whose ledger is damaged: nobody can go on with them, so that they hold nothing. */
export interface RestorePins {
  readonly pins: readonly RestorePin[]
  readonly damaged: readonly string[]
}

/** Reads every ledger. */
export async function findPins(
  storage: StorageBackend,
  backupId: string,
  signal: AbortSignal,
): Promise<RestorePins> {
  const pins: RestorePin[] = []
  const damaged: string[] = []
  for (const restoreId of await listRestoreIds(storage, backupId, signal)) {
    try {
      const { opened, openedAtMs, finished, isAbandoned } = await readLedger(
        storage,
        backupId,
        restoreId,
        signal,
      )
      if (finished !== null || isAbandoned) continue
      const { commit, clusterId, heldSettings } = opened
      const partitions = new Set(opened.sources.map(({ topic, partition }) => `${topic}/${partition}`))
      const lastEntryMs = await lastEntryOf(storage, `${restoresPrefix(backupId)}${restoreId}/`, signal)
      pins.push({ restoreId, commit, clusterId, openedAtMs, lastEntryMs, partitions, heldSettings })
    } catch (error) {
      if (!isKafkaBackupError(error) || error.category !== 'integrity') throw error
      damaged.push(restoreId)
    }
  }
  return { pins, damaged }
}

/**
 * The restore that may still read an object; undefined: none does. Who reads a later commit does not know the object any more, and who reads
 * an earlier one does not know a document that was written since.
 */
export function pinOf(
  { commit, partitions, document }: WaitingObject,
  pins: readonly RestorePin[],
): RestorePin | undefined {
  const isRead = (pin: RestorePin) =>
    document === null ? [...partitions].some((name) => pin.partitions.has(name)) : document <= pin.commit
  return pins.find((pin) => pin.commit < commit && isRead(pin))
}

/** A restore that was ended from outside, and what it leaves behind in its target: a release asks no cluster. */
export interface ReleasedRestore {
  readonly restoreId: string
  readonly clusterId: string
  /** What it held, in topics that may have been deleted since. */
  readonly heldSettings: readonly HeldSetting[]
}

/**
 * Ends a restore that nobody goes on with. A process that still runs it finds that out at its next entry and stops.
 * @throws KB_RESTORE_NOT_FOUND, KB_LEDGER_CORRUPT, KB_USAGE when it has ended already
 */
export async function releaseRestore(
  storage: StorageBackend,
  backupId: string,
  restoreId: string,
  options: LedgerOptions,
): Promise<ReleasedRestore> {
  const ledger = await RestoreLedger.findById(storage, backupId, restoreId, options)
  const { finished, isAbandoned, opened } = ledger.state
  if (finished !== null || isAbandoned) {
    throw new KafkaBackupError('KB_USAGE', `restore ${restoreId} has ended: it holds nothing`)
  }
  await ledger.append({ type: 'abandoned' }, options.signal)
  return { restoreId, clusterId: opened.clusterId, heldSettings: opened.heldSettings }
}

async function lastEntryOf(storage: StorageBackend, folder: string, signal: AbortSignal): Promise<number> {
  let last = 0
  for await (const { modifiedMs } of storage.list(folder, { signal })) last = Math.max(last, modifiedMs)
  return last
}
