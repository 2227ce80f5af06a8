import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { decodeMinima, encodeMinima } from '../format/minima-document.ts'
import type { FrameEntry } from '../format/segment-index.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { minimaKey } from './key-layout.ts'

/** A segment as a commit names it, and the frames of its index. */
export interface IndexedSegment {
  readonly record: SegmentRecord
  readonly frames: readonly FrameEntry[]
}

/**
 * Minima that were kept beside a segment, in milliseconds by the number of the frame, of frames whose index entry has none. What is not
 * there, cannot be read or does not belong to this index is left out. @throws only the reason of `signal`
 */
export async function readMinima(
  storage: StorageBackend,
  backupId: string,
  { record, frames }: IndexedSegment,
  signal?: AbortSignal,
): Promise<ReadonlyMap<number, bigint>> {
  const known = new Map<number, bigint>()
  for (let number = 1; number <= LIMITS.minimaObjectsMax; number++) {
    const found = await readOrNothing(storage, minimaKey(record.key, number), signal)
    if (!found) break
    for (const [frame, minMs] of belonging(found, backupId, { record, frames })) {
      const other = known.get(frame)
      if (other === undefined || minMs < other) known.set(frame, minMs)
    }
  }
  return known
}

/** Keeps minima beside their segment; false when there are as many objects as there may be. @throws KB_STORAGE_* */
export async function keepMinima(
  storage: StorageBackend,
  backupId: string,
  record: SegmentRecord,
  minima: ReadonlyMap<number, bigint>,
  signal?: AbortSignal,
): Promise<boolean> {
  const { key: segment, index } = record
  const bytes = encodeMinima({ backupId, segment, indexSha256: index.sha256, minima })
  for (let number = 1; number <= LIMITS.minimaObjectsMax; number++) {
    try {
      await storage.put(minimaKey(segment, number), bytes, signal ? { signal } : {})
      return true
    } catch (error) {
      if (!isKafkaBackupError(error, 'KB_OBJECT_EXISTS')) throw error
    }
  }
  return false
}

async function readOrNothing(
  storage: StorageBackend,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Buffer | undefined> {
  try {
    return await storage.read(key, LIMITS.minimaMaxBytes, signal ? { signal } : {})
  } catch {
    signal?.throwIfAborted()
    return undefined
  }
}

/** Nothing, unless the whole document agrees with the index that the commit names. */
function belonging(
  bytes: Buffer,
  backupId: string,
  { record, frames }: IndexedSegment,
): readonly (readonly [number, bigint])[] {
  const document = decodeMinima(bytes)
  if (
    document?.backupId !== backupId ||
    document.segment !== record.key ||
    document.indexSha256 !== record.index.sha256
  )
    return []
  const minima = [...document.minima]
  const isPossible = minima.every(([frame, minMs]) => {
    const entry = frames[frame]
    return entry !== undefined && minMs <= entry.maxTimestampMs
  })
  return isPossible ? minima.filter(([frame]) => frames[frame]?.minTimestampMs === null) : []
}
