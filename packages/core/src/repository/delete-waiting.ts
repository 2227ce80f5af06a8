import { isKafkaBackupError, type KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { findPins, pinOf, type RestorePin, type RestorePins } from './restore-pins.ts'
import { findUnnamed, type WaitingObject } from './waiting-objects.ts'

const CONCURRENT_DELETES = 8
/** An account that may not delete is told so by the first answers; thousands more say nothing new. */
const REFUSALS_MAX = 20

/** What became of the objects that commits have freed. */
export interface DeletionReport {
  readonly deleted: readonly WaitingObject[]
  /** Their grace has not passed. */
  readonly waiting: readonly WaitingObject[]
  readonly pinned: readonly { readonly pin: RestorePin; readonly object: WaitingObject }[]
  /** The store did not delete them, and why. Those that were not asked for after many refusals are in `waiting`. */
  readonly refused: readonly { readonly object: WaitingObject; readonly error: KafkaBackupError }[]
}

/** How objects would be sorted by a deletion that has not begun. `nowMs`: by the store's clock. */
export function sortWaiting(
  objects: readonly WaitingObject[],
  pins: readonly RestorePin[],
  { nowMs, graceMs }: { readonly nowMs: number; readonly graceMs: number },
): {
  readonly due: readonly WaitingObject[]
  readonly waiting: readonly WaitingObject[]
  readonly pinned: DeletionReport['pinned']
} {
  const due: WaitingObject[] = []
  const waiting: WaitingObject[] = []
  const pinned: { readonly pin: RestorePin; readonly object: WaitingObject }[] = []
  for (const object of objects) {
    const pin = pinOf(object, pins)
    if (pin) pinned.push({ pin, object })
    else if (nowMs - object.freedAtMs < graceMs) waiting.push(object)
    else due.push(object)
  }
  return { due, waiting, pinned }
}

/** Deletes what is due. A refusal for lack of rights, or by a lock, is told and does not end it. @throws KB_STORAGE_UNAVAILABLE … */
export async function deleteDue(
  storage: StorageBackend,
  due: readonly WaitingObject[],
  signal: AbortSignal,
): Promise<Pick<DeletionReport, 'deleted' | 'waiting' | 'refused'>> {
  const deleted: WaitingObject[] = []
  const waiting: WaitingObject[] = []
  const refused: { readonly object: WaitingObject; readonly error: KafkaBackupError }[] = []
  await runConcurrently(due, CONCURRENT_DELETES, async (object) => {
    signal.throwIfAborted()
    if (refused.length >= REFUSALS_MAX && deleted.length === 0) {
      waiting.push(object)
      return
    }
    try {
      await storage.delete(object.key, { signal })
      deleted.push(object)
    } catch (error) {
      if (!isKafkaBackupError(error, 'KB_STORAGE_PERMISSION')) throw error
      refused.push({ object, error })
    }
  })
  return { deleted, waiting, refused }
}

/** What became of everything that commits have freed. */
export interface SweepReport extends DeletionReport {
  readonly pins: RestorePins
  /** The store keeps deleted objects as versions. */
  readonly hasVersions: boolean
}

/** Deletes what commits have freed as far as the grace has passed and no restore reads it. `nowMs`: by the store's clock. */
export async function sweepFreed(
  { storage, signal }: { readonly storage: StorageBackend; readonly signal: AbortSignal },
  state: BackupState,
  when: { readonly nowMs: number; readonly graceMs: number },
): Promise<SweepReport> {
  const pins = await findPins(storage, state.backupId, signal)
  const { waiting } = await findUnnamed(storage, state, signal)
  const sorted = sortWaiting(waiting, pins.pins, when)
  const deletion = await deleteDue(storage, sorted.due, signal)
  return {
    pins,
    deleted: deletion.deleted,
    refused: deletion.refused,
    waiting: [...sorted.waiting, ...deletion.waiting],
    pinned: sorted.pinned,
    hasVersions: (await storage.inspectPlace?.({ signal }))?.versioning === 'on',
  }
}
