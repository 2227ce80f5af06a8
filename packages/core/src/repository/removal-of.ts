import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState, PlacedPart } from '../format/backup-state.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { openBackup } from './open-backup.ts'

/** Says what took the segment of a part out of a backup, for people; undefined: it is still named. */
export type RemovalOf = (placed: PlacedPart) => string | undefined

/** What the newest state says of segments that an earlier one names. */
export function removalsIn(newest: BackupState): RemovalOf {
  const named = new Set(newest.segments.map(({ key }) => key))
  return ({ segment, part }) => {
    if (named.has(segment.key)) return undefined
    const { topic, partition, lineage, firstOffset, lastOffset, nextOffset } = part
    const history = newest.histories(topic, partition).find((entry) => entry.lineage === lineage)
    const pruned = history?.pruned && nextOffset <= history.pruned.endOffset ? history.pruned : undefined
    const deed = pruned ? 'pruned' : 'moved to other segments by compact'
    const commit = pruned?.commit ?? newest.compactions.at(-1)
    return `${topic}/${partition} offsets ${firstOffset}-${lastOffset} were ${deed}, at the latest with commit ${commit}`
  }
}

/**
 * The same as the newest commit has it: for who finds that a segment is not there. Undefined also when the log is damaged, which says
 * nothing of a removal.
 */
export async function newestRemovalOf(
  storage: StorageBackend,
  backupId: string,
  placed: PlacedPart,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const newest = await openUndamaged(storage, backupId, signal)
  return newest ? removalsIn(newest)(placed) : undefined
}

/** The newest state; null: a commit is damaged. */
export async function openUndamaged(
  storage: StorageBackend,
  backupId: string,
  signal?: AbortSignal,
): Promise<BackupState | null> {
  try {
    return await openBackup(storage, backupId, signal ? { signal } : {})
  } catch (error) {
    if (isKafkaBackupError(error) && error.category === 'integrity') return null
    throw error
  }
}
