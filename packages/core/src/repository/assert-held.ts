import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState, PlacedPart } from '../format/backup-state.ts'
import { heldBeginOffset } from '../format/pruned-history.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { openUndamaged, type RemovalOf, removalsIn } from './removal-of.ts'

const STATS_AT_ONCE = 8

/**
 * Asked before what an earlier commit names is read: what was pruned or replaced since may still be there, until it is deleted.
 * @throws KB_PRUNED when a segment is gone, with what is left; KB_SEGMENT_CORRUPT when it is gone and the log is damaged
 */
export async function assertStillThere(
  storage: StorageBackend,
  asOf: BackupState,
  parts: readonly PlacedPart[],
  signal: AbortSignal,
): Promise<void> {
  const newest = await openUndamaged(storage, asOf.backupId, signal)
  const removalOf = newest && removalsIn(newest)
  // Where a later commit is damaged, nobody can say what was taken out: everything is looked for.
  const asked = removalOf ? parts.filter((placed) => removalOf(placed) !== undefined) : parts
  let gone: PlacedPart | undefined
  await runConcurrently(asked, STATS_AT_ONCE, async (placed) => {
    if (gone || (await storage.stat(placed.segment.key, { signal }))) return
    gone ??= placed
  })
  if (gone) throw goneError(asOf, newest, gone, removalOf)
}

function goneError(
  asOf: BackupState,
  newest: BackupState | null,
  gone: PlacedPart,
  removalOf: RemovalOf | null,
): KafkaBackupError {
  const { topic, partition } = gone.part
  const context = { backup: asOf.backupId, topic, partition }
  if (!newest) {
    const message = `${gone.segment.key}: a commit names it, and it is not there; a later commit is damaged, so that nobody can say whether it was pruned`
    return new KafkaBackupError('KB_SEGMENT_CORRUPT', message, { context })
  }
  const since = asOf.tip?.number ?? 0n
  const history = newest.partition(topic, partition)
  const left = history
    ? `; of ${topic}/${partition} the offsets from ${heldBeginOffset(history)} on are left`
    : ''
  return new KafkaBackupError(
    'KB_PRUNED',
    `${removalOf?.(gone)}: the backup as it was after commit ${since} cannot be restored any more${left}`,
    { context },
  )
}
