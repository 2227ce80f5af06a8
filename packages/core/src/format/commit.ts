import { z } from 'zod'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { parseSealed, sealDocument, sha256Hex } from './canonical-json.ts'
import { listOf } from './checked-list.ts'
import { type CompactionRecord, compactionDocument, compactionSchema } from './compaction-record.ts'
import { type DivergenceRecord, divergenceDocument, divergencesSchema } from './divergence.ts'
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
import { assertFeatures, featuresOf, unknownFeature } from './features.ts'
import { type GapRecord, gapDocument, gapSchema } from './gap.ts'
import { type PruneRecord, pruneDocument, pruneSchema } from './prune-record.ts'
import { type RunRecord, runDocument, runFields, runRecordOf } from './run-record.ts'
import { type SegmentRecord, segmentDocument, segmentSchema } from './segment-record.ts'

export type { CompactionRecord } from './compaction-record.ts'
export type { DivergenceRecord } from './divergence.ts'
export type { GapRecord } from './gap.ts'
export type { PrunedRange, PruneRecord } from './prune-record.ts'
export type { IsolationLevel, RunOutcome, RunRecord, UnreadRecord } from './run-record.ts'

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
  /** null: it prunes, compacts, or names artifacts alone, and belongs to no run. */
  readonly run: RunRecord | null
  readonly source: { readonly clusterId: string; readonly bootstrapServers: readonly string[] }
  readonly topics: readonly TopicRecord[]
  readonly begins: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[]
  readonly segments: readonly SegmentRecord[]
  readonly gaps: readonly GapRecord[]
  readonly divergences: readonly DivergenceRecord[]
  readonly artifacts: readonly ArtifactRecord[]
  /** What it takes out of the backup; then it adds nothing. */
  readonly pruned?: PruneRecord | undefined
  /** What its segments replace; then it adds nothing else. */
  readonly compacted?: CompactionRecord | undefined
}

const FORMAT = 'kafka-backup-commit'

const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  features: listOf(z.string()),
  backup_id: z.string(),
  number: offsetString,
  previous_sha256: digest.nullable(),
  writer: writerId,
  program: z.string(),
  created_at: decimalString,
  run: z.object(runFields).nullable(),
  source: z.object({ cluster_id: z.string(), bootstrap_servers: listOf(z.string()) }),
  topics: listOf(z.object({ name: topicName, topic_id: topicId, partitions: count })),
  begins: listOf(z.object({ topic: topicName, partition, offset: offsetString })),
  segments: listOf(segmentSchema),
  gaps: listOf(gapSchema),
  divergences: divergencesSchema,
  artifacts: listOf(z.object({ kind: z.string(), key: z.string(), bytes: count, sha256: digest })),
  pruned: pruneSchema.optional(),
  compacted: compactionSchema.optional(),
})

/** The bytes of a commit and their digest, which the next commit names. */
export function encodeCommit(commit: Commit): { readonly bytes: Buffer; readonly sha256: string } {
  const bytes = sealDocument({
    format: FORMAT,
    version: 1,
    features: featuresOf(featured(commit)),
    backup_id: commit.backupId,
    number: commit.number.toString(),
    previous_sha256: commit.previousSha256,
    writer: commit.writer,
    program: commit.program,
    created_at: commit.createdAtMs.toString(),
    run: commit.run && runDocument(commit.run),
    source: { cluster_id: commit.source.clusterId, bootstrap_servers: commit.source.bootstrapServers },
    topics: commit.topics.map((topic) => ({
      name: topic.name,
      topic_id: topic.topicId,
      partitions: topic.partitions,
    })),
    begins: commit.begins.map((begin) => ({ ...begin, offset: begin.offset.toString() })),
    segments: commit.segments.map(segmentDocument),
    gaps: commit.gaps.map(gapDocument),
    divergences: commit.divergences.length > 0 ? commit.divergences.map(divergenceDocument) : undefined,
    artifacts: commit.artifacts.map((artifact) => ({ ...artifact })),
    pruned: commit.pruned && pruneDocument(commit.pruned),
    compacted: commit.compacted && compactionDocument(commit.compacted),
  })
  return { bytes, sha256: sha256Hex(bytes) }
}

/** @throws KB_COMMIT_CORRUPT with the reason, KB_FORMAT_UNSUPPORTED for a newer version or an unknown feature */
export function decodeCommit(bytes: Buffer): Commit {
  const fields = parseFields(bytes)
  return {
    backupId: fields.backup_id,
    number: fields.number,
    previousSha256: fields.previous_sha256,
    writer: fields.writer,
    program: fields.program,
    createdAtMs: fields.created_at,
    run: fields.run && runRecordOf(fields.run),
    source: { clusterId: fields.source.cluster_id, bootstrapServers: fields.source.bootstrap_servers },
    topics: fields.topics.map((topic) => ({
      name: topic.name,
      topicId: topic.topic_id,
      partitions: topic.partitions,
    })),
    begins: fields.begins,
    segments: fields.segments,
    gaps: fields.gaps,
    divergences: fields.divergences,
    artifacts: fields.artifacts,
    ...(fields.pruned ? { pruned: fields.pruned } : {}),
    ...(fields.compacted ? { compacted: fields.compacted } : {}),
  }
}

function featured(
  commit: Pick<Commit, 'segments' | 'gaps' | 'divergences' | 'artifacts' | 'pruned' | 'compacted'>,
) {
  const { segments, gaps, divergences, artifacts, pruned, compacted } = commit
  const prunedLineages = pruned?.partitions.map(({ lineage }) => lineage)
  const hasPrunedArtifacts = pruned?.artifacts !== undefined
  const isCompacted = compacted !== undefined
  return { segments, gaps, divergences, artifacts, prunedLineages, isCompacted, hasPrunedArtifacts }
}

/** What prunes, compacts or names artifacts alone belongs to no run. The first adds nothing, the second segments alone. */
function assertOnePurpose(
  commit: Pick<
    Commit,
    'begins' | 'segments' | 'gaps' | 'divergences' | 'artifacts' | 'pruned' | 'compacted'
  > & {
    readonly run: unknown
    readonly topics: readonly unknown[]
  },
): void {
  const { pruned, compacted, segments, gaps, divergences, artifacts, begins } = commit
  const lists: (readonly unknown[])[] = [commit.topics, begins, gaps, divergences]
  const isAdding = lists.some((list) => list.length > 0)
  const isRemoving = pruned !== undefined || compacted !== undefined
  const isOfArtifacts = artifacts.length > 0 && segments.length === 0 && !isAdding
  if (commit.run === null ? !isRemoving && !isOfArtifacts : isRemoving) {
    throw new Error(
      'run: what prunes, compacts or names artifacts alone, and nothing else, belongs to no run',
    )
  }
  if (pruned && compacted) throw new Error('compacted: a commit prunes or compacts')
  if (pruned && (isAdding || artifacts.length + segments.length > 0))
    throw new Error('pruned: a commit that prunes adds nothing')
  if (compacted && (isAdding || artifacts.length > 0 || segments.length === 0)) {
    throw new Error('compacted: a commit that compacts has segments and nothing else')
  }
}

function parseFields(bytes: Buffer): z.output<typeof schema> {
  try {
    const parsed = parseSealed(bytes)
    if (parsed.format === FORMAT && parsed.version !== 1) {
      throw new KafkaBackupError('KB_FORMAT_UNSUPPORTED', `commit version ${String(parsed.version)}`)
    }
    assertKnownFeatures(parsed.features)
    const fields = schema.parse(parsed)
    assertFeatures(fields.features, featured(fields))
    assertOnePurpose(fields)
    return fields
  } catch (error) {
    if (error instanceof KafkaBackupError) throw error
    const reason = error instanceof z.ZodError ? firstIssue(error) : (error as Error).message
    throw new KafkaBackupError('KB_COMMIT_CORRUPT', `the commit is damaged: ${reason}`, { cause: error })
  }
}

/** Asked before anything else is looked at: a feature may change what every other field means. */
function assertKnownFeatures(features: unknown): void {
  const unknown = unknownFeature(listOf(z.string()).parse(features))
  if (unknown === undefined) return
  throw new KafkaBackupError('KB_FORMAT_UNSUPPORTED', `a commit needs the feature "${unknown}"`)
}
