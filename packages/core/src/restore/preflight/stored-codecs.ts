import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { FrameEntry, SegmentIndex } from '../../format/segment-index.ts'
import { isCodec } from '../../protocol/codec.ts'
import { readSegmentIndex } from '../../repository/segment-reader.ts'
import { settleAll } from '../../runtime/settle-all.ts'
import type { BatchSourceOptions } from '../batch-source.ts'
import type { ClippedPart, PartitionRestorePlan, RestorePlan } from '../restore-plan.ts'
import { coverageOf } from '../time-window.ts'
import { type Refusal, unsuitable } from './refusal.ts'

const READS_AT_A_TIME = 16

type Source = Pick<BatchSourceOptions, 'storage' | 'signal'>

/** What is wanted of a segment for one partition. */
interface WantedPart {
  readonly entry: PartitionRestorePlan
  readonly clip: ClippedPart
}

/**
 * Topics that would get batches in a codec which this program does not know: it can neither check nor encode them, and would stop in
 * the middle. Every index says which codecs its frames have; those of all segments that are wanted are read for it. One that
 * is damaged or missing says nothing here: the restore tells of it where it comes to it.
 * @throws KB_STORAGE_*
 */
export async function refuseUnknownCodecs(source: Source, plan: RestorePlan): Promise<Refusal[]> {
  const unknown = new Map<PartitionRestorePlan, FrameEntry>()
  const segments = wantedSegments(plan).values()
  const work = async () => {
    for (const parts of segments) {
      const index = await indexOf(source, parts)
      for (const { entry, clip } of index === undefined ? [] : parts) {
        const frame = wantedFrames(index, clip, plan).find(({ codecs }) => !codecs.every(isCodec))
        const earlier = unknown.get(entry)
        if (frame && (!earlier || frame.firstOffset < earlier.firstOffset)) unknown.set(entry, frame)
      }
    }
  }
  await settleAll(Array.from({ length: READS_AT_A_TIME }, work))
  return plan.topics.flatMap((topic) => {
    const own = plan.partitions.filter(({ targetTopic }) => targetTopic === topic.targetTopic)
    const entry = own.find((partition) => unknown.has(partition))
    const frame = entry && unknown.get(entry)
    return frame ? [unsuitable(topic, messageOf(entry, frame), REMEDY, 'KB_FORMAT_UNSUPPORTED')] : []
  })
}

const REMEDY =
  'Use a newer kafka-backup to read this archive, or choose other topics, or offsets without these: --offsets.'

function messageOf({ sourceTopic, partition }: PartitionRestorePlan, frame: FrameEntry): string {
  const codec = frame.codecs.find((name) => !isCodec(name)) ?? ''
  const name = /^[\w.-]{1,40}$/.test(codec) ? `"${codec}"` : 'without a name'
  return `would get batches in a codec that this program does not know, ${name}: ${sourceTopic}/${partition}, offsets ${frame.firstOffset}-${frame.lastOffset}`
}

/** A bundle has parts of several partitions, and is looked at once. */
function wantedSegments({ partitions }: RestorePlan): Map<string, WantedPart[]> {
  const wanted = partitions.flatMap((entry) => entry.parts.map((clip) => ({ entry, clip })))
  return Map.groupBy(wanted, ({ clip }) => clip.segment.key)
}

async function indexOf(
  { storage, signal }: Source,
  [first]: readonly WantedPart[],
): Promise<SegmentIndex | undefined> {
  try {
    return first && (await readSegmentIndex(storage, first.clip.segment, signal))
  } catch (error) {
    const isOfArchive = isKafkaBackupError(error) && error.category === 'integrity'
    if (isOfArchive || isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return undefined
    throw error
  }
}

function wantedFrames(
  index: SegmentIndex | undefined,
  { part, beginOffset, endOffset }: ClippedPart,
  { window }: RestorePlan,
): readonly FrameEntry[] {
  const isWanted = (frame: FrameEntry) =>
    (beginOffset === null || frame.lastOffset >= beginOffset) &&
    (endOffset === null || frame.firstOffset < endOffset) &&
    coverageOf(window, frame) !== 'outside'
  return index?.frames.slice(part.frames[0], part.frames[1]).filter(isWanted) ?? []
}
