import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState, PlacedPart } from '../format/backup-state.ts'
import { heldBeginOffset, type PrunedHistory } from '../format/pruned-history.ts'
import type { SegmentPart } from '../format/segment-record.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { openUndamaged, pruneOf } from './prune-of.ts'

const STATS_AT_ONCE = 8

/**
 * Asked before what an earlier commit names is read: what was pruned since may still be there, until a prune deletes it.
 * @throws KB_PRUNED when a segment is gone, with what is left; KB_SEGMENT_CORRUPT when it is gone and the log is damaged
 */
export async function assertStillThere(
  storage: StorageBackend,
  asOf: BackupState,
  parts: readonly PlacedPart[],
  signal: AbortSignal,
): Promise<void> {
  const newest = await openUndamaged(storage, asOf.backupId, signal)
  // Where a later commit is damaged, nobody can say what was pruned: everything is looked for.
  const asked = newest ? parts.filter(({ part }) => pruneOf(newest, part)) : parts
  let gone: PlacedPart | undefined
  await runConcurrently(asked, STATS_AT_ONCE, async (placed) => {
    if (gone || (await storage.stat(placed.segment.key, { signal }))) return
    gone ??= placed
  })
  if (gone) throw goneError(asOf, newest, gone)
}

function goneError(asOf: BackupState, newest: BackupState | null, gone: PlacedPart): KafkaBackupError {
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
    `${prunedText(gone.part, pruneOf(newest, gone.part))}: the backup as it was after commit ${since} cannot be restored any more${left}`,
    { context },
  )
}

/** `orders/3 offsets 0-9 were pruned, at the latest with commit 7` */
export function prunedText(part: SegmentPart, pruned: PrunedHistory | undefined): string {
  const { topic, partition, firstOffset, lastOffset } = part
  return `${topic}/${partition} offsets ${firstOffset}-${lastOffset} were pruned, at the latest with commit ${pruned?.commit}`
}
