import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import { sha256Hex } from '../format/canonical-json.ts'
import type { Clock } from '../runtime/clock.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { CallOptions, ObjectKey, StorageBackend } from '../storage/storage-backend.ts'
import { commitKey } from './key-layout.ts'

// Stores tell times in whole seconds.
const TICK_MS = 1_500

/**
 * Puts the last commit again, which a store has to refuse. One that says that it creates only what is absent, and takes the same
 * bytes a second time, would let two runs overwrite each other's commits. Costs one read and one write that is refused, and harms
 * nothing: the bytes are those that are there. A backup without commits has nothing to ask with.
 * @throws KB_STORAGE_UNSUPPORTED
 */
export async function assertCreatesOnce(
  storage: StorageBackend,
  state: BackupState,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  if (!storage.capabilities.putIfAbsent || storage.capabilities.hasSingleWriter || !state.tip) return
  const options = signal ? { signal } : {}
  const key = commitKey(state.backupId, state.tip.number)
  const bytes = await storage.read(key, LIMITS.commitMaxBytes, options)
  // Only what is certainly the commit is written over it.
  if (sha256Hex(bytes) !== state.tip.sha256) return
  if (await isRefused(storage, key, bytes, options)) return
  // A put whose answer was lost also counts as done when the bytes are there already. What was written has a new time.
  const before = await storage.stat(key, options)
  await clock.sleep(TICK_MS, signal)
  if (await isRefused(storage, key, bytes, options)) return
  const after = await storage.stat(key, options)
  if (before?.modifiedMs === after?.modifiedMs) return
  throw new KafkaBackupError(
    'KB_STORAGE_UNSUPPORTED',
    `${storage.location} ignores the condition that an object is created only if it is absent, so that two runs could overwrite each other`,
    {
      hint: 'Choose another storage, or vouch that only one run at a time writes: storage.single_writer: true.',
      context: { backup: state.backupId },
    },
  )
}

async function isRefused(
  storage: StorageBackend,
  key: ObjectKey,
  bytes: Uint8Array,
  options: CallOptions,
): Promise<boolean> {
  try {
    await storage.put(key, bytes, options)
    return false
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_OBJECT_EXISTS')) return true
    throw error
  }
}
