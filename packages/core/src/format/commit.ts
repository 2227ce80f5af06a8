import { z } from 'zod'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { parseSealed, sealDocument, sha256Hex } from './canonical-json.ts'
import {
  count,
  decimalString,
  digest,
  firstIssue,
  offsetString,
  partition,
  topicId,
  topicName,
  writerId,
} from './document-fields.ts'
import { type SegmentRecord, segmentDocument, segmentSchema } from './segment-record.ts'

/** How a run stood when it made a commit. */
export type RunOutcome = 'running' | 'complete' | 'incomplete' | 'interrupted' | 'failed'

/** The run that made a commit. `targetAtMs`: moment of the snapshot target, the recovery point of a complete run. */
export interface RunRecord {
  readonly id: string
  readonly beganAtMs: bigint
  readonly targetAtMs: bigint
  readonly outcome: RunOutcome
}

/** Offsets [firstOffset, endOffset) that cannot be read any more. */
export interface GapRecord {
  readonly topic: string
  readonly partition: number
  readonly firstOffset: bigint
  readonly endOffset: bigint
  readonly reason: 'deleted_before_read' | 'missing_in_log'
}

/** Extra document of a backup. */
export interface ArtifactRecord {
  readonly kind: string
  readonly key: string
  readonly bytes: number
  readonly sha256: string
}

/** A topic that is new or has changed. */
export interface TopicRecord {
  readonly name: string
  readonly topicId: string | null
  readonly partitions: number
}

/** One commit; see docs/format/commit.md. */
export interface Commit {
  readonly backupId: string
  readonly number: bigint
  readonly previousSha256: string | null
  readonly writer: string
  readonly program: string
  readonly createdAtMs: bigint
  readonly run: RunRecord
  readonly source: { readonly clusterId: string; readonly bootstrapServers: readonly string[] }
  readonly topics: readonly TopicRecord[]
  readonly begins: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[]
  readonly segments: readonly SegmentRecord[]
  readonly gaps: readonly GapRecord[]
  readonly artifacts: readonly ArtifactRecord[]
}

const FORMAT = 'kafka-backup-commit'

const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  features: z.array(z.string()),
  backup_id: z.string(),
  number: offsetString,
  previous_sha256: digest.nullable(),
  writer: writerId,
  program: z.string(),
  created_at: decimalString,
  run: z.object({
    id: z.string(),
    began_at: decimalString,
    target_at: decimalString,
    outcome: z.enum(['running', 'complete', 'incomplete', 'interrupted', 'failed']),
  }),
  source: z.object({ cluster_id: z.string(), bootstrap_servers: z.array(z.string()) }),
  topics: z.array(z.object({ name: topicName, topic_id: topicId, partitions: count })),
  begins: z.array(z.object({ topic: topicName, partition, offset: offsetString })),
  segments: z.array(segmentSchema),
  gaps: z.array(
    z.object({
      topic: topicName,
      partition,
      first_offset: offsetString,
      end_offset: offsetString,
      reason: z.enum(['deleted_before_read', 'missing_in_log']),
    }),
  ),
  artifacts: z.array(z.object({ kind: z.string(), key: z.string(), bytes: count, sha256: digest })),
})

/** The bytes of a commit and their digest, which the next commit names. */
export function encodeCommit(commit: Commit): { readonly bytes: Buffer; readonly sha256: string } {
  const bytes = sealDocument({
    format: FORMAT,
    version: 1,
    features: [],
    backup_id: commit.backupId,
    number: commit.number.toString(),
    previous_sha256: commit.previousSha256,
    writer: commit.writer,
    program: commit.program,
    created_at: commit.createdAtMs.toString(),
    run: {
      id: commit.run.id,
      began_at: commit.run.beganAtMs.toString(),
      target_at: commit.run.targetAtMs.toString(),
      outcome: commit.run.outcome,
    },
    source: { cluster_id: commit.source.clusterId, bootstrap_servers: commit.source.bootstrapServers },
    topics: commit.topics.map((topic) => ({
      name: topic.name,
      topic_id: topic.topicId,
      partitions: topic.partitions,
    })),
    begins: commit.begins.map((begin) => ({ ...begin, offset: begin.offset.toString() })),
    segments: commit.segments.map(segmentDocument),
    gaps: commit.gaps.map(gapDocument),
    artifacts: commit.artifacts.map((artifact) => ({ ...artifact })),
  })
  return { bytes, sha256: sha256Hex(bytes) }
}

/** @throws KB_COMMIT_CORRUPT with the reason, KB_FORMAT_UNSUPPORTED for a newer version or an unknown feature */
export function decodeCommit(bytes: Buffer): Commit {
  const fields = parseFields(bytes)
  const unknown = fields.features[0]
  if (unknown !== undefined)
    throw new KafkaBackupError('KB_FORMAT_UNSUPPORTED', `a commit needs the feature "${unknown}"`)
  return {
    backupId: fields.backup_id,
    number: fields.number,
    previousSha256: fields.previous_sha256,
    writer: fields.writer,
    program: fields.program,
    createdAtMs: fields.created_at,
    run: {
      id: fields.run.id,
      beganAtMs: fields.run.began_at,
      targetAtMs: fields.run.target_at,
      outcome: fields.run.outcome,
    },
    source: { clusterId: fields.source.cluster_id, bootstrapServers: fields.source.bootstrap_servers },
    topics: fields.topics.map((topic) => ({
      name: topic.name,
      topicId: topic.topic_id,
      partitions: topic.partitions,
    })),
    begins: fields.begins,
    segments: fields.segments,
    gaps: fields.gaps.map((gap) => ({
      topic: gap.topic,
      partition: gap.partition,
      firstOffset: gap.first_offset,
      endOffset: gap.end_offset,
      reason: gap.reason,
    })),
    artifacts: fields.artifacts,
  }
}

function parseFields(bytes: Buffer): z.output<typeof schema> {
  try {
    const parsed = parseSealed(bytes)
    if (parsed.format === FORMAT && parsed.version !== 1) {
      throw new KafkaBackupError('KB_FORMAT_UNSUPPORTED', `commit version ${String(parsed.version)}`)
    }
    return schema.parse(parsed)
  } catch (error) {
    if (error instanceof KafkaBackupError) throw error
    const reason = error instanceof z.ZodError ? firstIssue(error) : (error as Error).message
    throw new KafkaBackupError('KB_COMMIT_CORRUPT', `the commit is damaged: ${reason}`, { cause: error })
  }
}

/** A gap as it stands in documents. */
export function gapDocument(gap: GapRecord) {
  return {
    topic: gap.topic,
    partition: gap.partition,
    first_offset: gap.firstOffset.toString(),
    end_offset: gap.endOffset.toString(),
    reason: gap.reason,
  }
}
