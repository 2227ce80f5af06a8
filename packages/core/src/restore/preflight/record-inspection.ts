import type { Codec } from '../../protocol/codec.ts'
import type { KafkaRecord } from '../../protocol/record.ts'
import { BATCH_HEADER_BYTES } from '../../protocol/record-batch.ts'
import { type BatchSourceOptions, readSourcePieces } from '../batch-source.ts'
import { decodeStored, type SourcePiece } from '../frame-pieces.ts'
import { reencodeBatch } from '../reencode-batch.ts'
import type { ClippedPart, RestorePlan, TopicRestorePlan } from '../restore-plan.ts'
import { type Refusal, unsuitable } from './refusal.ts'

/** What cannot be known from the commits. */
export interface InspectionWish {
  /** No record alone may make a larger batch; null: it does not matter. */
  readonly batchMaxBytes: number | null
  /** The target is compacted, and takes no record without a key. */
  readonly needsKeys: boolean
}

interface Finding {
  readonly code: Refusal['code']
  readonly message: string
}

/** What a record costs beside key and value, generously. */
const RECORD_OVERHEAD_BYTES = 64

/**
 * Reads of the archive what has to be known of single records before the first write: all records where keys are needed, the
 * segments with large batches where sizes are. The first record that is in the way ends it.
 */
export async function inspectRecords(
  source: BatchSourceOptions,
  plan: RestorePlan,
  topic: TopicRestorePlan,
  wish: InspectionWish,
): Promise<Refusal[]> {
  for (const entry of plan.partitions.filter(({ targetTopic }) => targetTopic === topic.targetTopic)) {
    const isLarge = ({ part }: ClippedPart) =>
      wish.batchMaxBytes !== null && part.largestBatchBytes > wish.batchMaxBytes
    const parts = entry.parts.filter((clip) => wish.needsKeys || isLarge(clip))
    const pieces = readSourcePieces(source, parts, { window: plan.window, isByRecord: false }, { left: 0n })
    for await (const piece of pieces) {
      const found = findingOf(piece, wish, `${entry.sourceTopic}/${entry.partition}`)
      if (found) return [unsuitable(topic, found.message, null, found.code)]
    }
  }
  return []
}

function findingOf(piece: SourcePiece, wish: InspectionWish, where: string): Finding | undefined {
  const { batchMaxBytes, needsKeys } = wish
  const isSuspect = batchMaxBytes !== null && (piece.kind === 'records' || piece.bytes.length > batchMaxBytes)
  if (!needsKeys && !isSuspect) return
  const { codec, records } = piece.kind === 'batch' ? decodeStored(piece) : piece
  for (const record of records) {
    const at = `the record at offset ${record.offset}`
    if (needsKeys && record.key === null) {
      const message = `is compacted and takes no record without a key: ${where}, ${at} has none`
      return { code: 'KB_TARGET_UNSUITABLE', message }
    }
    if (isSuspect && !fits(record, codec, batchMaxBytes)) {
      const message = `has max.message.bytes=${batchMaxBytes}: ${where}, ${at} does not fit alone`
      return { code: 'KB_RECORD_TOO_LARGE', message }
    }
  }
  return
}

function fits(record: KafkaRecord, codec: Codec, batchMaxBytes: number): boolean {
  const roughBytes = BATCH_HEADER_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  // Most records are far from the limit; only for others it is worth building the batch.
  if (record.headers.length === 0 && roughBytes + RECORD_OVERHEAD_BYTES <= batchMaxBytes) return true
  return reencodeBatch(codec, [record]).length <= batchMaxBytes
}
