import { isKafkaBackupError, type KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { pinOf, type RestorePin } from './restore-pins.ts'
import type { WaitingObject } from './waiting-objects.ts'

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
