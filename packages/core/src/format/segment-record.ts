import { z } from 'zod'
import { listOf } from './checked-list.ts'
import {
  count,
  decimalString,
  digest,
  leaderEpochs,
  lineage,
  offsetString,
  partition,
  topicName,
} from './document-fields.ts'
import type { IndexLocation } from './segment-builder.ts'
import type { LeaderEpochStart } from './segment-index.ts'

/** Half-open interval of offsets. */
export type OffsetInterval = readonly [first: bigint, end: bigint]

/** A batch by which a later run knows the log again. `crc`: the batch's own checksum field, unsigned. */
export interface LastBatch {
  readonly baseOffset: bigint
  readonly crc: number
}

/** What a segment adds to one partition. `beginOffset` and `nextOffset` are the partition's next offset before and after. */
export interface SegmentPart {
  readonly topic: string
  readonly partition: number
  /** Number of the history it belongs to; the first is 1. */
  readonly lineage: number
  readonly frames: readonly [first: number, end: number]
  readonly beginOffset: bigint
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly nextOffset: bigint
  readonly holes: readonly OffsetInterval[]
  readonly records: number
  readonly abortedRecords: number
  readonly batches: number
  readonly controlBatches: number
  readonly storedBytes: number
  readonly rawBytes: number
  readonly minTimestampMs: bigint | null
  readonly maxTimestampMs: bigint
  readonly leaderEpochs: readonly LeaderEpochStart[]
  readonly largestBatchBytes: number
  /** Control batches included; null: not known. */
  readonly lastBatch: LastBatch | null
}

/** A segment as a commit names it. */
export interface SegmentRecord {
  readonly key: string
  readonly bytes: number
  readonly index: IndexLocation
  readonly parts: readonly SegmentPart[]
}

const lastBatchSchema = z
  .object({ base_offset: offsetString, crc: z.number().int().min(0).max(0xffffffff) })
  .transform((batch): LastBatch => ({ baseOffset: batch.base_offset, crc: batch.crc }))

const partSchema = z
  .object({
    topic: topicName,
    partition,
    lineage,
    frames: z.tuple([count, count]),
    begin_offset: offsetString,
    first_offset: offsetString,
    last_offset: offsetString,
    next_offset: offsetString,
    holes: listOf(z.tuple([offsetString, offsetString])),
    records: count,
    aborted_records: count,
    batches: count,
    control_batches: count,
    stored_bytes: count,
    raw_bytes: count,
    min_timestamp: decimalString.nullable(),
    max_timestamp: decimalString,
    leader_epochs: leaderEpochs,
    largest_batch_bytes: count,
    last_batch: lastBatchSchema.nullable(),
  })
  .transform(
    (part): SegmentPart => ({
      topic: part.topic,
      partition: part.partition,
      lineage: part.lineage,
      frames: part.frames,
      beginOffset: part.begin_offset,
      firstOffset: part.first_offset,
      lastOffset: part.last_offset,
      nextOffset: part.next_offset,
      holes: part.holes,
      records: part.records,
      abortedRecords: part.aborted_records,
      batches: part.batches,
      controlBatches: part.control_batches,
      storedBytes: part.stored_bytes,
      rawBytes: part.raw_bytes,
      minTimestampMs: part.min_timestamp,
      maxTimestampMs: part.max_timestamp,
      leaderEpochs: part.leader_epochs,
      largestBatchBytes: part.largest_batch_bytes,
      lastBatch: part.last_batch,
    }),
  )

/** Schema of an entry of `segments`. */
export const segmentSchema = z.object({
  key: z.string(),
  bytes: count,
  index: z.object({ position: count, bytes: count, sha256: digest }),
  parts: listOf(partSchema, 1),
})

/** A segment as it stands in documents. */
export function segmentDocument(segment: SegmentRecord) {
  return {
    key: segment.key,
    bytes: segment.bytes,
    index: { position: segment.index.position, bytes: segment.index.bytes, sha256: segment.index.sha256 },
    parts: segment.parts.map((part) => ({
      topic: part.topic,
      partition: part.partition,
      lineage: part.lineage === 1 ? undefined : part.lineage,
      frames: part.frames,
      begin_offset: part.beginOffset.toString(),
      first_offset: part.firstOffset.toString(),
      last_offset: part.lastOffset.toString(),
      next_offset: part.nextOffset.toString(),
      holes: part.holes.map(([first, end]) => [first.toString(), end.toString()]),
      records: part.records,
      aborted_records: part.abortedRecords,
      batches: part.batches,
      control_batches: part.controlBatches,
      stored_bytes: part.storedBytes,
      raw_bytes: part.rawBytes,
      min_timestamp: part.minTimestampMs === null ? null : part.minTimestampMs.toString(),
      max_timestamp: part.maxTimestampMs.toString(),
      leader_epochs: part.leaderEpochs.map(([epoch, offset]) => [epoch, offset.toString()]),
      largest_batch_bytes: part.largestBatchBytes,
      last_batch: part.lastBatch && {
        base_offset: part.lastBatch.baseOffset.toString(),
        crc: part.lastBatch.crc,
      },
    })),
  }
}
