import type { ErrorCode } from '../errors/error-codes.ts'
import { isKafkaBackupError, type KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { FrameEntry } from '../format/segment-index.ts'
import type { SegmentPart } from '../format/segment-record.ts'

/**
 * `damage`: an object of the backup is not what was written. `foreign`: an object that the backup does not know.
 * `note`: worth knowing, and harmless.
 */
export type FindingSeverity = 'damage' | 'foreign' | 'note'

/** What a finding means for one partition. Offsets are inclusive; what is absent is not known. */
export interface AffectedPartition {
  readonly topic: string
  readonly partition: number
  /** History that the offsets are of; absent when it is the first. */
  readonly lineage?: number
  readonly firstOffset?: bigint
  readonly lastOffset?: bigint
  readonly records?: number
}

/** One result of a validation. `key` names the object; every finding of damage names the partitions it concerns. */
export interface Finding {
  readonly severity: FindingSeverity
  readonly code: ErrorCode
  readonly key: string
  readonly partitions: readonly AffectedPartition[]
  /** What is wrong, without the key. */
  readonly message: string
}

/** An object of the backup is damaged. */
export function damage(
  code: ErrorCode,
  key: string,
  partitions: readonly AffectedPartition[],
  message: string,
): Finding {
  return { severity: 'damage', code, key, partitions, message }
}

/** The damage that an error of reading `key` tells of. */
export function damageFrom(
  error: KafkaBackupError,
  key: string,
  partitions: readonly AffectedPartition[],
): Finding {
  const prefix = `${key}: `
  const message = error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message
  return damage(error.code, key, partitions, message)
}

/**
 * True for errors that say something of the archive. All others (a store that cannot be reached, a cancelled run) end the
 * validation: they prove nothing.
 */
export function isDamageError(error: unknown): error is KafkaBackupError {
  if (!isKafkaBackupError(error)) return false
  return error.category === 'integrity' || error.code === 'KB_OBJECT_NOT_FOUND'
}

/** A whole part as what is affected. */
export function affectedPart(part: SegmentPart): AffectedPartition {
  const { firstOffset, lastOffset, records } = part
  return { ...historyName(part), firstOffset, lastOffset, records }
}

/** One data frame of a part as what is affected. */
export function affectedFrame(part: SegmentPart, frame: FrameEntry): AffectedPartition {
  const { firstOffset, lastOffset, records } = frame
  return { ...historyName(part), firstOffset, lastOffset, records }
}

/** Names the history of offsets that are about to be told. */
export function historyName(entry: {
  readonly topic: string
  readonly partition: number
  readonly lineage: number
}): AffectedPartition {
  const { topic, partition, lineage } = entry
  return lineage === 1 ? { topic, partition } : { topic, partition, lineage }
}
