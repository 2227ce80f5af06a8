import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import { heldBeginOffset, type PrunedHistory } from '../format/pruned-history.ts'
import type { SegmentPart, SegmentRecord } from '../format/segment-record.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { openExistingBackup } from './open-backup.ts'
import { pruneOf } from './prune-of.ts'

const STATS_AT_ONCE = 8

/**
 * Asked before what an earlier commit names is read: what was pruned since may still be there, until a prune deletes it.
 * @throws KB_PRUNED when a segment is gone, with what is left
 */
export async function assertStillThere(
  storage: StorageBackend,
  asOf: BackupState,
  parts: readonly { readonly segment: SegmentRecord; readonly part: SegmentPart }[],
  signal: AbortSignal,
): Promise<void> {
  const newest = await openExistingBackup(storage, asOf.backupId, { signal })
  const pruned = parts.filter(({ part }) => pruneOf(newest, part))
  let gone: SegmentPart | undefined
  await runConcurrently(pruned, STATS_AT_ONCE, async ({ segment, part }) => {
    if (gone || (await storage.stat(segment.key, { signal }))) return
    gone ??= part
  })
  if (!gone) return
  const { topic, partition } = gone
  const since = asOf.tip?.number ?? 0n
  const history = newest.partition(topic, partition)
  const left = history
    ? `; of ${topic}/${partition} the offsets from ${heldBeginOffset(history)} on are left`
    : ''
  throw new KafkaBackupError(
    'KB_PRUNED',
    `${prunedText(gone, pruneOf(newest, gone))}: the backup as it was after commit ${since} cannot be restored any more${left}`,
    { context: { backup: asOf.backupId, topic, partition } },
  )
}

/** `orders/3 offsets 0-9 were pruned, at the latest with commit 7` */
export function prunedText(part: SegmentPart, pruned: PrunedHistory | undefined): string {
  const { topic, partition, firstOffset, lastOffset } = part
  return `${topic}/${partition} offsets ${firstOffset}-${lastOffset} were pruned, at the latest with commit ${pruned?.commit}`
}
