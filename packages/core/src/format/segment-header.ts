import { z } from 'zod'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import { canonicalJson, parseCanonical } from './canonical-json.ts'
import { listOf } from './checked-list.ts'
import {
  count,
  decimalString,
  firstIssue,
  partition,
  topicId,
  topicName,
  writerId,
} from './document-fields.ts'
import { decodeSkippable, encodeSkippable, HEADER_MAGIC } from './skippable-frame.ts'

/** A partition whose batches a segment holds. `topicId` is Kafka's 22-character form, null before topic ids existed. */
export interface SegmentStream {
  readonly topic: string
  readonly topicId: string | null
  readonly partition: number
}

/** First frame of a segment; see docs/format/segment.md. */
export interface SegmentHeader {
  readonly backupId: string
  readonly writer: string
  readonly sequence: number
  readonly createdAtMs: bigint
  readonly transforms: readonly string[]
  readonly streams: readonly SegmentStream[]
}

const FORMAT = 'kafka-backup-segment'

const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  features: listOf(z.string()),
  backup_id: z.string(),
  writer: writerId,
  sequence: count,
  created_at: decimalString,
  transforms: listOf(z.string(), 1),
  streams: listOf(z.object({ topic: topicName, topic_id: topicId, partition }), 1),
})

/** The header's skippable frame. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const document = canonicalJson({
    format: FORMAT,
    version: 1,
    features: [],
    backup_id: header.backupId,
    writer: header.writer,
    sequence: header.sequence,
    created_at: header.createdAtMs.toString(),
    transforms: header.transforms,
    streams: header.streams.map((stream) => ({
      topic: stream.topic,
      topic_id: stream.topicId,
      partition: stream.partition,
    })),
  })
  return encodeSkippable(HEADER_MAGIC, Buffer.from(document))
}

/** @throws KB_SEGMENT_CORRUPT, KB_FORMAT_UNSUPPORTED for unknown features */
export function decodeSegmentHeader(frame: Buffer): SegmentHeader {
  if (frame.length > LIMITS.segmentHeaderMaxBytes) {
    throw new KafkaBackupError('KB_LIMIT_EXCEEDED', `segment header of ${frame.length} bytes`)
  }
  const fields = parseHeader(decodeSkippable(HEADER_MAGIC, frame))
  const unknown = fields.features[0]
  if (unknown !== undefined) {
    throw new KafkaBackupError('KB_FORMAT_UNSUPPORTED', `the segment needs the feature "${unknown}"`)
  }
  return {
    backupId: fields.backup_id,
    writer: fields.writer,
    sequence: fields.sequence,
    createdAtMs: fields.created_at,
    transforms: fields.transforms,
    streams: fields.streams.map((stream) => ({
      topic: stream.topic,
      topicId: stream.topic_id,
      partition: stream.partition,
    })),
  }
}

function parseHeader(content: Buffer): z.output<typeof schema> {
  try {
    const parsed = parseCanonical(content, false)
    if (parsed.format === FORMAT && parsed.version !== 1) {
      throw new KafkaBackupError('KB_FORMAT_UNSUPPORTED', `segment version ${String(parsed.version)}`)
    }
    return schema.parse(parsed)
  } catch (error) {
    if (error instanceof KafkaBackupError) throw error
    const reason = error instanceof z.ZodError ? firstIssue(error) : (error as Error).message
    throw new KafkaBackupError('KB_SEGMENT_CORRUPT', `segment header: ${reason}`, { cause: error })
  }
}
