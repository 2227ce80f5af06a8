import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { FrameEntry } from '../../format/segment-index.ts'
import { BATCH_HEADER_BYTES } from '../../protocol/record-batch.ts'
import { wantedBatches } from '../frame-batches.ts'
import { type FrameSourceOptions, readFrames } from '../frame-source.ts'
import { makeBatches } from '../record-batches.ts'
import type { ClippedPart, RestorePlan, TopicRestorePlan } from '../restore-plan.ts'
import { type Refusal, unsuitable } from './refusal.ts'

/** What cannot be known from the commits. */
export interface InspectionWish {
  /** No record alone may make a larger batch; null: it does not matter. */
  readonly batchMaxBytes: number | null
  /** The target is compacted, and takes no record without a key. */
  readonly needsKeys: boolean
}

/**
 * Reads of the archive what has to be known of single records before the first write: all records where keys are needed, the
 * segments with large batches where sizes are. The first record that is in the way ends it.
 */
export async function inspectRecords(
  source: FrameSourceOptions,
  plan: RestorePlan,
  topic: TopicRestorePlan,
  wish: InspectionWish,
): Promise<Refusal[]> {
  for (const entry of plan.partitions.filter(({ targetTopic }) => targetTopic === topic.targetTopic)) {
    const parts = entry.parts.filter(({ part }) => wish.needsKeys || isLarge(part, wish))
    const refusal = await inspectParts(source, plan, parts, wish)
    if (refusal !== undefined) {
      const where = `${entry.sourceTopic}/${entry.partition}`
      return [unsuitable(topic, refusal.message(where), null, refusal.code)]
    }
  }
  return []
}

async function inspectParts(
  source: FrameSourceOptions,
  plan: RestorePlan,
  parts: readonly ClippedPart[],
  wish: InspectionWish,
) {
  for await (const frame of readFrames(source, parts, plan.window, { records: 0n })) {
    if (!wish.needsKeys && !isLarge(frame.entry, wish)) continue
    for (const wanted of wantedBatches(frame)) {
      const isSuspect = wish.batchMaxBytes !== null && wanted.cursor.byteLength > wish.batchMaxBytes
      if (!wish.needsKeys && !isSuspect) continue
      for (const record of wanted.records()) {
        const at = `the record at offset ${record.offset}`
        if (wish.needsKeys && record.key === null) {
          const message = (where: string) =>
            `is compacted and takes no record without a key: ${where}, ${at} has none`
          return { code: 'KB_TARGET_UNSUITABLE', message } as const
        }
        if (isSuspect && !fits(record, wanted.cursor.codec, wish.batchMaxBytes ?? 0)) {
          const message = (where: string) =>
            `has max.message.bytes=${wish.batchMaxBytes}: ${where}, ${at} does not fit alone`
          return { code: 'KB_RECORD_TOO_LARGE', message } as const
        }
      }
    }
  }
  return undefined
}

function isLarge(known: Pick<FrameEntry, 'largestBatchBytes'>, { batchMaxBytes }: InspectionWish): boolean {
  return batchMaxBytes !== null && known.largestBatchBytes > batchMaxBytes
}

function fits(
  record: Parameters<typeof makeBatches>[0][number]['record'] & { readonly offset: bigint },
  codec: Parameters<typeof makeBatches>[1],
  batchMaxBytes: number,
): boolean {
  const roughBytes = BATCH_HEADER_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  // Most records are far from the limit; only for others it is worth building the batch.
  if (record.headers.length === 0 && roughBytes + 64 <= batchMaxBytes) return true
  try {
    makeBatches([{ source: 0, offset: record.offset, record }], codec, batchMaxBytes)
    return true
  } catch (error) {
    if (error instanceof KafkaBackupError && error.code === 'KB_RECORD_TOO_LARGE') return false
    throw error
  }
}
