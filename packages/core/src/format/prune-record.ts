import { z } from 'zod'
import { listOf } from './checked-list.ts'
import { count, decimalString, lineage, offsetString, partition, topicName } from './document-fields.ts'

/**
 * Offsets [firstOffset, endOffset) of one history that the backup no longer holds, and what was in them. Everything but
 * `endOffset` follows from the state before.
 */
export interface PrunedRange {
  readonly topic: string
  readonly partition: number
  /** Number of the history; the first is 1. */
  readonly lineage: number
  readonly firstOffset: bigint
  readonly endOffset: bigint
  readonly records: number
  /** Length of the segments. */
  readonly storedBytes: number
  /** Effective timestamps in milliseconds; null: not known. */
  readonly minTimestampMs: bigint | null
  /** -1: no record has one. */
  readonly maxTimestampMs: bigint
  /** Keys of the segments, and of the batches in quarantine, that nothing names any more. */
  readonly objects: readonly string[]
}

/** What a commit takes out of a backup. A commit that does adds nothing, and belongs to no run. */
export interface PruneRecord {
  /** In order of topic, partition and lineage. */
  readonly partitions: readonly PrunedRange[]
  /** Keys of objects that no commit names, ascending: whoever is about to name one has to stop. */
  readonly orphans: readonly string[]
  /** Keys of documents that were superseded, ascending; absent: none. */
  readonly artifacts?: readonly string[] | undefined
}

const rangeSchema = z
  .object({
    topic: topicName,
    partition,
    lineage,
    first_offset: offsetString,
    end_offset: offsetString,
    records: count,
    stored_bytes: count,
    min_timestamp: decimalString.nullable(),
    max_timestamp: decimalString,
    objects: listOf(z.string()),
  })
  .transform(
    (range): PrunedRange => ({
      topic: range.topic,
      partition: range.partition,
      lineage: range.lineage,
      firstOffset: range.first_offset,
      endOffset: range.end_offset,
      records: range.records,
      storedBytes: range.stored_bytes,
      minTimestampMs: range.min_timestamp,
      maxTimestampMs: range.max_timestamp,
      objects: range.objects,
    }),
  )

const documentKeys = listOf(z.string(), 1).refine(
  (keys) => keys.every((key, at) => at === 0 || (keys[at - 1] ?? '') < key),
  'artifacts ascend',
)

/** Schema of `pruned` of a commit. */
export const pruneSchema = z
  .object({
    partitions: listOf(rangeSchema),
    orphans: listOf(z.string()),
    artifacts: documentKeys.optional(),
  })
  .refine(
    ({ partitions, orphans, artifacts = [] }) => partitions.length + orphans.length + artifacts.length > 0,
    'nothing is pruned',
  )

/** What a commit takes out, as it stands in documents. */
export function pruneDocument({ partitions, orphans, artifacts }: PruneRecord) {
  return { partitions: partitions.map(prunedRangeDocument), orphans, artifacts }
}

/** One range, as it stands in documents. */
export function prunedRangeDocument(range: PrunedRange) {
  return {
    topic: range.topic,
    partition: range.partition,
    lineage: range.lineage === 1 ? undefined : range.lineage,
    first_offset: range.firstOffset.toString(),
    end_offset: range.endOffset.toString(),
    records: range.records,
    stored_bytes: range.storedBytes,
    min_timestamp: range.minTimestampMs === null ? null : range.minTimestampMs.toString(),
    max_timestamp: range.maxTimestampMs.toString(),
    objects: range.objects,
  }
}
