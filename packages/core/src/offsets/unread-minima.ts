import type { BackupState, PartitionState } from '../format/backup-state.ts'
import { minTimestampOfFrame } from '../format/frame-minimum.ts'
import { type ClippedPart, heldExtent } from '../format/held-parts.ts'
import type { FrameEntry } from '../format/segment-index.ts'
import { partitionName } from '../kafka/cluster.ts'
import { AbortedTransactionFilter } from '../protocol/aborted-transactions.ts'
import { readRecords } from '../protocol/record.ts'
import { BatchCursor, verifyCrc } from '../protocol/record-batch.ts'
import { readMinima } from '../repository/kept-minima.ts'
import { SegmentReader, type TransformsById } from '../repository/segment-reader.ts'
import { LIMITS } from '../runtime/limits.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { SuffixMinima } from './suffix-minima.ts'
import type { WantedOffset } from './translate-offsets.ts'

/** Where the archive is read. */
export interface ArchiveReading {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly transforms: TransformsById
  readonly signal: AbortSignal
}

/**
 * Smallest effective timestamp, in milliseconds, of all archived records from a wanted offset on. Below zero: it has to be taken for older
 * than any, as a record has no time, or as what stood at the offset is not in the archive. null: nothing is archived from it on.
 */
export type UnreadMinimum = (wanted: WantedOffset) => bigint | null

const CONCURRENT_PARTITIONS = 4

/**
 * Looks the smallest timestamps behind any number of offsets up, in the newest history of each partition. Of a partition it reads indexes, the
 * frames that hold a wanted offset, and those whose smallest timestamp nobody knows; of parts that the commits tell enough of, nothing.
 * Partitions that the backup does not know have nothing.
 * @throws KB_SEGMENT_CORRUPT, KB_OBJECT_NOT_FOUND, KB_BATCH_CORRUPT, KB_TRANSFORM_UNAVAILABLE
 */
export async function findUnreadMinima(
  archive: ArchiveReading,
  state: BackupState,
  wanted: Iterable<WantedOffset>,
): Promise<UnreadMinimum> {
  const known = new Map<string, ReadonlyMap<bigint, bigint | null>>()
  const byPartition = [...Map.groupBy(wanted, partitionName)]
  await runConcurrently(byPartition, CONCURRENT_PARTITIONS, async ([name, own]) => {
    const [{ topic, partition }] = own as [WantedOffset]
    const history = state.partition(topic, partition)
    const minima = new SuffixMinima(own.map(({ offset }) => offset))
    if (history) await sweep(archive, state, history, minima)
    known.set(name, minima.answers)
  })
  return (position) => known.get(partitionName(position))?.get(position.offset) ?? null
}

async function sweep(
  archive: ArchiveReading,
  state: BackupState,
  history: PartitionState,
  minima: SuffixMinima,
): Promise<void> {
  minima.passed(history.nextOffset)
  const { parts } = heldExtent(state.histories(history.topic, history.partition), history)
  for (const clip of parts.toReversed()) {
    if (minima.isDone) return
    const { part, endOffset } = clip
    // A copy may have what was deleted here, and nobody knows how old it is.
    minima.lacks(endOffset ?? part.nextOffset)
    minima.passed(part.lastOffset + 1n)
    const isWhole = endOffset === null && !minima.isWantedBehind(part.firstOffset)
    if (isWhole && part.minTimestampMs !== null && part.records > 0) {
      minima.take(part.firstOffset, part.minTimestampMs)
    } else if (part.records > 0) await sweepFrames(archive, clip, minima)
    minima.passed(part.beginOffset)
  }
  minima.lacks(0n)
}

async function sweepFrames(archive: ArchiveReading, clip: ClippedPart, minima: SuffixMinima): Promise<void> {
  const { storage, backupId, transforms, signal } = archive
  const { segment, part } = clip
  const reader = await SegmentReader.open(storage, backupId, segment, transforms, signal)
  const { frames, aborted } = reader.index
  const stream = segment.parts.indexOf(part)
  const filter = new AbortedTransactionFilter(aborted.filter((own) => own.stream === stream))
  const kept = await readMinima(storage, backupId, { record: segment, frames }, signal)
  for (let number = part.frames[1] - 1; number >= part.frames[0] && !minima.isDone; number--) {
    const entry = frames[number] as FrameEntry
    if (entry.records === 0 || (clip.endOffset !== null && entry.firstOffset >= clip.endOffset)) continue
    minima.passed(entry.lastOffset + 1n)
    const isCut = clip.endOffset !== null && entry.lastOffset >= clip.endOffset
    const known = entry.minTimestampMs ?? kept.get(number)
    if (isCut || minima.isWantedBehind(entry.firstOffset)) {
      takeRecords(await reader.readBatches(entry, signal), { clip, entry, filter }, minima)
    } else if (known !== undefined) minima.take(entry.firstOffset, known)
    else takeFrame(await reader.readBatches(entry, signal), entry, minima)
  }
}

function takeFrame(batches: Buffer, { firstOffset }: FrameEntry, minima: SuffixMinima): void {
  const minMs = minTimestampOfFrame(batches, LIMITS.batchMaxRawBytes)
  if (minMs !== null) minima.take(firstOffset, minMs)
}

/** What readers of committed records see of a frame. */
function takeRecords(
  batches: Buffer,
  {
    clip,
    entry,
    filter,
  }: {
    readonly clip: ClippedPart
    readonly entry: FrameEntry
    readonly filter: AbortedTransactionFilter
  },
  minima: SuffixMinima,
): void {
  const endOffset = clip.endOffset ?? entry.lastOffset + 1n
  const times: { readonly offset: bigint; readonly timestamp: bigint }[] = []
  const cursor = new BatchCursor(batches)
  while (cursor.next()) {
    verifyCrc(cursor)
    if (filter.drops(cursor)) continue
    for (const { offset, timestamp } of readRecords(cursor)) times.push({ offset, timestamp })
  }
  for (const { offset, timestamp } of times.toReversed()) {
    if (offset >= entry.firstOffset && offset < endOffset) minima.take(offset, timestamp)
  }
}
