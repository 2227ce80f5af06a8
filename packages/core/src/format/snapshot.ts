import { z } from 'zod'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { BackupState } from './backup-state.ts'
import { parseSealed, sealDocument } from './canonical-json.ts'
import { type Commit, gapDocument } from './commit.ts'
import {
  count,
  decimalString,
  digest,
  firstIssue,
  offsetString,
  partition,
  topicId,
  topicName,
} from './document-fields.ts'
import { segmentDocument, segmentSchema } from './segment-record.ts'

const FORMAT = 'kafka-backup-snapshot'

const runSchema = z
  .object({
    id: z.string(),
    began_at: decimalString,
    target_at: decimalString,
    outcome: z.enum(['running', 'complete', 'incomplete', 'interrupted', 'failed']),
    last_commit: offsetString,
    ended_at: decimalString,
    records: count,
    stored_bytes: count,
    gaps: count,
  })
  .transform((run) => ({
    id: run.id,
    beganAtMs: run.began_at,
    targetAtMs: run.target_at,
    outcome: run.outcome,
    lastCommit: run.last_commit,
    endedAtMs: run.ended_at,
    records: run.records,
    storedBytes: run.stored_bytes,
    gaps: run.gaps,
  }))

const gapSchema = z
  .object({
    topic: topicName,
    partition,
    first_offset: offsetString,
    end_offset: offsetString,
    reason: z.enum(['deleted_before_read', 'missing_in_log']),
  })
  .transform((gap) => ({
    topic: gap.topic,
    partition: gap.partition,
    firstOffset: gap.first_offset,
    endOffset: gap.end_offset,
    reason: gap.reason,
  }))

const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  commit_sha256: digest,
  state: z.object({
    backup_id: z.string(),
    number: offsetString,
    tip_created_at: decimalString,
    created_at: decimalString,
    source: z.object({ cluster_id: z.string(), bootstrap_servers: z.array(z.string()) }),
    topics: z.array(z.object({ name: topicName, topic_id: topicId, partitions: count })),
    begins: z.array(z.object({ topic: topicName, partition, offset: offsetString })),
    segments: z.array(segmentSchema),
    gaps: z.array(gapSchema),
    artifacts: z.array(z.object({ kind: z.string(), key: z.string(), bytes: count, sha256: digest })),
    runs: z.array(runSchema),
  }),
})

/** The snapshot document (before compression) of a state that has at least one commit. */
export function encodeSnapshot(state: BackupState): Buffer {
  const { tip, source, createdAtMs } = state
  if (!tip || !source || createdAtMs === null)
    throw new KafkaBackupError('KB_INTERNAL', 'a snapshot of an empty backup')
  return sealDocument({
    format: FORMAT,
    version: 1,
    commit_sha256: tip.sha256,
    state: {
      backup_id: state.backupId,
      number: tip.number.toString(),
      tip_created_at: tip.createdAtMs.toString(),
      created_at: createdAtMs.toString(),
      source: { cluster_id: source.clusterId, bootstrap_servers: source.bootstrapServers },
      topics: [...state.topics.values()].map((topic) => ({
        name: topic.name,
        topic_id: topic.topicId,
        partitions: topic.partitions,
      })),
      begins: state.partitions().map((entry) => ({
        topic: entry.topic,
        partition: entry.partition,
        offset: entry.beginOffset.toString(),
      })),
      segments: state.segments.map(segmentDocument),
      gaps: state.partitions().flatMap((entry) => entry.gaps.map(gapDocument)),
      artifacts: state.artifacts.map((artifact) => ({ ...artifact })),
      runs: state.runs.map((run) => ({
        id: run.id,
        began_at: run.beganAtMs.toString(),
        target_at: run.targetAtMs.toString(),
        outcome: run.outcome,
        last_commit: run.lastCommit.toString(),
        ended_at: run.endedAtMs.toString(),
        records: run.records,
        stored_bytes: run.storedBytes,
        gaps: run.gaps,
      })),
    },
  })
}

/** @throws KB_SNAPSHOT_CORRUPT with the reason */
export function decodeSnapshot(bytes: Buffer): BackupState {
  try {
    const { commit_sha256, state: fields } = schema.parse(parseSealed(bytes))
    const state = new BackupState(fields.backup_id)
    const topics: Commit['topics'] = fields.topics.map((topic) => ({
      name: topic.name,
      topicId: topic.topic_id,
      partitions: topic.partitions,
    }))
    state.fold({ ...fields, topics }, fields.number)
    state.source = { clusterId: fields.source.cluster_id, bootstrapServers: fields.source.bootstrap_servers }
    state.createdAtMs = fields.created_at
    state.tip = { number: fields.number, sha256: commit_sha256, createdAtMs: fields.tip_created_at }
    state.runs.push(...fields.runs)
    return state
  } catch (error) {
    const reason = error instanceof z.ZodError ? firstIssue(error) : (error as Error).message
    throw new KafkaBackupError('KB_SNAPSHOT_CORRUPT', `the snapshot is damaged: ${reason}`, { cause: error })
  }
}
