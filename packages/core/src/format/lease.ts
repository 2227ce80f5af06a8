import { z } from 'zod'
import { parseSealed, sealDocument } from './canonical-json.ts'
import { listOf } from './checked-list.ts'
import { count, decimalString, partition, topicName, writerId } from './document-fields.ts'

const FORMAT = 'kafka-backup-lease'

/** Partitions [first, end) of a topic. */
export interface LeasedRange {
  readonly topic: string
  readonly first: number
  readonly end: number
}

/** A run says that it is at work, and on what. */
export interface LeaseRecord {
  readonly backupId: string
  /** Drawn for each run, the name of the object. */
  readonly lease: string
  readonly program: string
  /** Name of the machine or pod, for people and for {@link processId}. */
  readonly host: string
  readonly processId: number
  readonly beganAtMs: bigint
  readonly partitions: readonly LeasedRange[]
  /** How often the run has said so since; any change of it means that the run is alive. */
  readonly renewals: number
  /** The run has ended, and the object could not be deleted. */
  readonly isReleased: boolean
}

const schema = z
  .object({
    format: z.literal(FORMAT),
    version: z.literal(1),
    backup_id: z.string(),
    lease: writerId,
    program: z.string(),
    host: z.string(),
    process_id: count,
    began_at: decimalString,
    partitions: listOf(z.object({ topic: topicName, first: partition, end: partition })),
    renewals: count,
    is_released: z.boolean(),
  })
  .transform(
    (fields): LeaseRecord => ({
      backupId: fields.backup_id,
      lease: fields.lease,
      program: fields.program,
      host: fields.host,
      processId: fields.process_id,
      beganAtMs: fields.began_at,
      partitions: fields.partitions,
      renewals: fields.renewals,
      isReleased: fields.is_released,
    }),
  )

export function encodeLease(record: LeaseRecord): Buffer {
  return sealDocument({
    format: FORMAT,
    version: 1,
    backup_id: record.backupId,
    lease: record.lease,
    program: record.program,
    host: record.host,
    process_id: record.processId,
    began_at: String(record.beganAtMs),
    partitions: record.partitions.map(({ topic, first, end }) => ({ topic, first, end })),
    renewals: record.renewals,
    is_released: record.isReleased,
  })
}

/** Undefined for what is no lease that this version knows: nothing depends on one, so that none is worth an error. */
export function decodeLease(bytes: Uint8Array): LeaseRecord | undefined {
  try {
    return schema.parse(parseSealed(bytes))
  } catch {
    return undefined
  }
}

/** The fewest ranges that hold these partitions, ascending by topic and number. */
export function leasedRanges(
  partitions: Iterable<{ readonly topic: string; readonly partition: number }>,
): LeasedRange[] {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic)
  return [...byTopic.keys()].sort().flatMap((topic) => {
    const ranges: { topic: string; first: number; end: number }[] = []
    for (const number of byTopic
      .get(topic)!
      .map((entry) => entry.partition)
      .sort((a, b) => a - b)) {
      const last = ranges.at(-1)
      if (last && number <= last.end) last.end = Math.max(last.end, number + 1)
      else ranges.push({ topic, first: number, end: number + 1 })
    }
    return ranges
  })
}

/** Whether a partition is in both. */
export function shareAPartition(left: readonly LeasedRange[], right: readonly LeasedRange[]): boolean {
  const ofTopic = Map.groupBy(right, ({ topic }) => topic)
  return left.some(({ topic, first, end }) =>
    (ofTopic.get(topic) ?? []).some((other) => other.first < end && first < other.end),
  )
}
