import { z } from 'zod'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import { canonicalJson, parseCanonical } from './canonical-json.ts'
import { listOf } from './checked-list.ts'
import { count, decimalString, digest, firstIssue, leaderEpochs, offsetString } from './document-fields.ts'
import { decodeSkippable, encodeSkippable, INDEX_MAGIC } from './skippable-frame.ts'

/** Leader epoch and the first offset it was seen at. */
export type LeaderEpochStart = readonly [epoch: number, firstOffset: bigint]

/** What is known of a run of batches without decoding them. Offsets inclusive, timestamps in milliseconds. */
export interface BatchStatistics {
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly batches: number
  readonly controlBatches: number
  readonly records: number
  readonly abortedRecords: number
  /** null: unknown; readers must not skip data because of it. */
  readonly minTimestampMs: bigint | null
  /** -1 when there is no data batch. */
  readonly maxTimestampMs: bigint
  readonly leaderEpochs: readonly LeaderEpochStart[]
  readonly largestBatchBytes: number
  readonly codecs: readonly string[]
}

/** One data frame. `position` and `bytes` locate it in the object; `rawBytes` is the length of its batches. */
export interface FrameEntry extends BatchStatistics {
  readonly stream: number
  readonly position: number
  readonly bytes: number
  readonly rawBytes: number
  readonly sha256: string
}

/** An aborted transaction that overlaps the stream; `endOffset` is its marker's offset, null behind this segment. */
export interface AbortedEntry {
  readonly stream: number
  readonly producerId: bigint
  readonly firstOffset: bigint
  readonly endOffset: bigint | null
}

/** Index of a segment; see docs/format/segment.md. */
export interface SegmentIndex {
  readonly header: { readonly bytes: number; readonly sha256: string }
  readonly frames: readonly FrameEntry[]
  readonly aborted: readonly AbortedEntry[]
}

const FORMAT = 'kafka-backup-index'

// The seek table has 32 bits for it.
const frameBytes = count.max(0xffff_ffff)

const frameSchema = z.object({
  stream: count,
  position: count,
  bytes: frameBytes,
  raw_bytes: count.max(LIMITS.frameMaxRawBytes),
  sha256: digest,
  first_offset: offsetString,
  last_offset: offsetString,
  batches: count,
  control_batches: count,
  records: count,
  aborted_records: count,
  min_timestamp: decimalString.nullable(),
  max_timestamp: decimalString,
  leader_epochs: leaderEpochs,
  largest_batch_bytes: count,
  codecs: listOf(z.string()),
})

const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  header: z.object({ bytes: count.max(LIMITS.segmentHeaderMaxBytes), sha256: digest }),
  frames: listOf(frameSchema, 1),
  aborted: listOf(
    z.object({
      stream: count,
      producer_id: decimalString,
      first_offset: offsetString,
      end_offset: offsetString.nullable(),
    }),
  ),
})

/** The index's skippable frame. */
export function encodeSegmentIndex(index: SegmentIndex): Buffer {
  const document = canonicalJson({
    format: FORMAT,
    version: 1,
    header: index.header,
    frames: index.frames.map(frameDocument),
    aborted: index.aborted.map((entry) => ({
      stream: entry.stream,
      producer_id: entry.producerId.toString(),
      first_offset: entry.firstOffset.toString(),
      end_offset: entry.endOffset === null ? null : entry.endOffset.toString(),
    })),
  })
  return encodeSkippable(INDEX_MAGIC, Buffer.from(document))
}

/** @throws KB_SEGMENT_CORRUPT when the frame is not a well-formed index of contiguous frames */
export function decodeSegmentIndex(frame: Buffer): SegmentIndex {
  try {
    const fields = schema.parse(parseCanonical(decodeSkippable(INDEX_MAGIC, frame), false))
    const index = fromDocument(fields)
    assertLayout(index)
    return index
  } catch (error) {
    if (error instanceof KafkaBackupError) throw error
    const reason = error instanceof z.ZodError ? firstIssue(error) : (error as Error).message
    throw new KafkaBackupError('KB_SEGMENT_CORRUPT', `segment index: ${reason}`, { cause: error })
  }
}

function frameDocument(frame: FrameEntry) {
  return {
    stream: frame.stream,
    position: frame.position,
    bytes: frame.bytes,
    raw_bytes: frame.rawBytes,
    sha256: frame.sha256,
    first_offset: frame.firstOffset.toString(),
    last_offset: frame.lastOffset.toString(),
    batches: frame.batches,
    control_batches: frame.controlBatches,
    records: frame.records,
    aborted_records: frame.abortedRecords,
    min_timestamp: frame.minTimestampMs === null ? null : frame.minTimestampMs.toString(),
    max_timestamp: frame.maxTimestampMs.toString(),
    leader_epochs: frame.leaderEpochs.map(([epoch, offset]) => [epoch, offset.toString()]),
    largest_batch_bytes: frame.largestBatchBytes,
    codecs: frame.codecs,
  }
}

function fromDocument(fields: z.output<typeof schema>): SegmentIndex {
  return {
    header: fields.header,
    frames: fields.frames.map((frame) => ({
      stream: frame.stream,
      position: frame.position,
      bytes: frame.bytes,
      rawBytes: frame.raw_bytes,
      sha256: frame.sha256,
      firstOffset: frame.first_offset,
      lastOffset: frame.last_offset,
      batches: frame.batches,
      controlBatches: frame.control_batches,
      records: frame.records,
      abortedRecords: frame.aborted_records,
      minTimestampMs: frame.min_timestamp,
      maxTimestampMs: frame.max_timestamp,
      leaderEpochs: frame.leader_epochs,
      largestBatchBytes: frame.largest_batch_bytes,
      codecs: frame.codecs,
    })),
    aborted: fields.aborted.map((entry) => ({
      stream: entry.stream,
      producerId: entry.producer_id,
      firstOffset: entry.first_offset,
      endOffset: entry.end_offset,
    })),
  }
}

/** Frames stand one behind the other, without a byte between them that no digest covers. */
function assertLayout(index: SegmentIndex): void {
  let position = index.header.bytes
  for (const frame of index.frames) {
    if (frame.position !== position)
      throw new Error(`a frame begins at ${frame.position}, expected ${position}`)
    position += frame.bytes
  }
}
