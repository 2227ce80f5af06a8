import type { FrameEntry } from '../../format/segment-index.ts'
import { partitionName } from '../../kafka/cluster.ts'
import type { KafkaRecord } from '../../protocol/record.ts'
import { BATCH_HEADER_BYTES } from '../../protocol/record-batch.ts'
import { compressedMaxBytes, fitsAsItIs } from '../batch-limit.ts'
import type { BatchSourceOptions } from '../batch-source.ts'
import { addedHeaderMaxBytes } from '../offset-headers.ts'
import { contentBytes } from '../record-copy.ts'
import { reencodeBatch } from '../reencode-batch.ts'
import type { ClippedPart, RestorePlan, RestoreWork, TopicRestorePlan } from '../restore-plan.ts'
import { isReadByRecord, type RoutedRecords, sightWork, type WorkSight } from '../work-stream.ts'
import { type Refusal, unsuitable } from './refusal.ts'
import type { TopicLimits } from './topic-limits.ts'

/** What cannot be known from the commits. */
export interface InspectionWish {
  /** No record alone may make a larger batch. */
  readonly limits: TopicLimits
  /** The target is compacted, and takes no record without a key. */
  readonly needsKeys: boolean
  /** It does not exist yet. */
  readonly isCreated: boolean
  /** By `topic/partition` of the target: records that are there already, and are not looked at. */
  readonly written: ReadonlyMap<string, { readonly position: bigint }>
}

/** What a record costs beside its byte strings, and a header, generously. */
const RECORD_OVERHEAD_BYTES = 64
const HEADER_OVERHEAD_BYTES = 10
/** By how much a batch that is compressed again may exceed the one that its producer took more pains with. */
const GROWTH = 1.5

/**
 * Reads of the archive what has to be known of single records before the first write: all records where keys are needed, the
 * data frames that may hold a record which does not fit where sizes are. The first record that is in the way ends it.
 */
export async function inspectRecords(
  source: BatchSourceOptions,
  plan: RestorePlan,
  topic: TopicRestorePlan,
  wish: InspectionWish,
): Promise<Refusal[]> {
  for (const work of plan.works) {
    if (work.targets[0]?.topic !== topic.targetTopic) continue
    const begin = work.targets.map((place) => wish.written.get(partitionName(place))?.position ?? 0n)
    for await (const routed of sightWork(source, plan, work, begin, sightOf(plan, work, wish))) {
      const refusal = refuseRecords(plan, topic, routed, wish)
      if (refusal) return [refusal]
    }
  }
  return []
}

/** What may hold a record that does not fit: what is certain to fit is not read. */
function sightOf(plan: RestorePlan, work: RestoreWork, { limits, needsKeys }: InspectionWish): WorkSight {
  const { maxBytes, codec } = limits.limit
  // Batches of old formats have smaller headers than those that are written.
  const addedBytes = addedHeaderMaxBytes(plan.headers) + BATCH_HEADER_BYTES
  const isAgain = ({ beginOffset, endOffset }: ClippedPart) =>
    isReadByRecord(plan, work) || plan.window !== null || beginOffset !== null || endOffset !== null
  const mayExceed = (clip: ClippedPart, bytes: number, isCompressed: boolean) =>
    bytes * (isCompressed && isAgain(clip) ? GROWTH : 1) + addedBytes > maxBytes
  return {
    isPartChosen: (clip) => needsKeys || codec !== null || mayExceed(clip, clip.part.largestBatchBytes, true),
    isFrameChosen(clip, { codecs, largestBatchBytes }: FrameEntry) {
      if (needsKeys) return true
      const isCompressed = codecs.some((name) => name !== 'none')
      if (codec === null) return mayExceed(clip, largestBatchBytes, isCompressed)
      // How much there is of what was compressed otherwise is not known.
      if (codecs.some((name) => name !== codec && name !== 'none')) return true
      const bytes = codec === 'none' ? largestBatchBytes : compressedMaxBytes(largestBatchBytes)
      return mayExceed(clip, bytes, isCompressed)
    },
    isBatchChosen: (bytes) => needsKeys || !fitsAsItIs(bytes, limits.limit),
  }
}

function refuseRecords(
  plan: RestorePlan,
  topic: TopicRestorePlan,
  { source, codec, records }: RoutedRecords,
  { limits, needsKeys, isCreated }: InspectionWish,
): Refusal | undefined {
  const { maxBytes, codec: topicCodec } = limits.limit
  const origin = plan.partitions[source]
  const where = `${origin?.sourceTopic}/${origin?.partition}`
  for (const record of records) {
    const at = `${where}, the record at offset ${record.offset}`
    if (needsKeys && record.key === null)
      return unsuitable(topic, `is compacted and takes no record without a key: ${at} has none`)
    if (mostBytesAlone(record) <= maxBytes) continue
    const batchBytes = reencodeBatch(topicCodec ?? codec, [record]).length
    if (batchBytes > maxBytes)
      return refuseSize(topic, at, batchBytes, { limits, isCreated, isAdding: plan.headers.isAdding })
  }
  return
}

/** Most records are far from the limit; only for others it is worth building the batch. */
function mostBytesAlone(record: KafkaRecord): number {
  const headerBytes = record.headers.length * HEADER_OVERHEAD_BYTES
  const rawBytes = BATCH_HEADER_BYTES + RECORD_OVERHEAD_BYTES + headerBytes + contentBytes(record)
  return compressedMaxBytes(rawBytes)
}

function refuseSize(
  topic: TopicRestorePlan,
  at: string,
  batchBytes: number,
  how: { readonly limits: TopicLimits; readonly isCreated: boolean; readonly isAdding: boolean },
): Refusal {
  const { bounds, limit } = how.limits
  const tight = bounds.filter(({ bytes }) => bytes < batchBytes)
  const names = tight.map(({ name }) => name).join(' and ')
  const has = tight.map(({ name, bytes }) => `${name}=${bytes}`).join(' and ')
  const beside =
    limit.codec === null
      ? ''
      : ` and compression.type=${limit.codec === 'none' ? 'uncompressed' : limit.codec}`
  const takes = `it takes ${batchBytes} bytes${how.isAdding ? ' with the headers that it gets' : ''}`
  const message = `has ${has}${beside}: ${at} does not fit alone, ${takes}`
  const target = `${names} of topic ${topic.targetTopic} to ${batchBytes} or more`
  const remedy = how.isCreated
    ? `Set ${target} by restore.topic_config_overrides.`
    : `Raise ${target}; larger records may follow.`
  return unsuitable(topic, message, remedy, 'KB_RECORD_TOO_LARGE')
}
