import { z } from 'zod'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { BackupState, type RunSummary } from './backup-state.ts'
import { parseSealed, sealedPieces, WrittenList } from './canonical-json.ts'
import { listOf } from './checked-list.ts'
import type { Commit, IsolationLevel } from './commit.ts'
import { divergenceDocument, divergenceFields, divergenceOf } from './divergence.ts'
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
import { assertFeatures, featuresOf } from './features.ts'
import type { FoldedBegin, FoldedDivergence } from './fold-step.ts'
import { gapDocument, gapSchema } from './gap.ts'
import { foldedPruneDocument, foldedPruneSchema } from './pruned-history.ts'
import { runDocument, runFields, runRecordOf } from './run-record.ts'
import { segmentSchema } from './segment-record.ts'

const FORMAT = 'kafka-backup-snapshot'

const runSchema = z
  .object({
    ...runFields,
    last_commit: offsetString,
    ended_at: decimalString,
    records: count,
    stored_bytes: count,
    gaps: count,
  })
  .transform(
    (run): RunSummary => ({
      ...runRecordOf(run),
      lastCommit: run.last_commit,
      endedAtMs: run.ended_at,
      records: run.records,
      storedBytes: run.stored_bytes,
      gaps: run.gaps,
    }),
  )

/** The first history of a partition, and the id of its topic then: the record in `topics` may be of a later one. */
const beginSchema = z
  .object({
    topic: topicName,
    partition,
    topic_id: topicId,
    offset: offsetString,
    since_commit: offsetString,
  })
  .transform(
    ({ topic_id: topicId, since_commit: sinceCommit, ...begin }): FoldedBegin => ({
      ...begin,
      topicId,
      sinceCommit,
    }),
  )

const divergenceSchema = z
  .object({ ...divergenceFields, since_commit: offsetString })
  .transform((entry): FoldedDivergence => ({ ...divergenceOf(entry), sinceCommit: entry.since_commit }))

const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  features: listOf(z.string()),
  commit_sha256: digest,
  state: z.object({
    backup_id: z.string(),
    number: offsetString,
    tip_created_at: decimalString,
    created_at: decimalString,
    source: z.object({ cluster_id: z.string(), bootstrap_servers: listOf(z.string()) }),
    topics: listOf(z.object({ name: topicName, topic_id: topicId, partitions: count })),
    begins: listOf(beginSchema),
    segments: listOf(segmentSchema),
    gaps: listOf(gapSchema),
    divergences: listOf(divergenceSchema),
    artifacts: listOf(z.object({ kind: z.string(), key: z.string(), bytes: count, sha256: digest })),
    runs: listOf(runSchema, 1),
    pruned: listOf(foldedPruneSchema).optional(),
    prunes: listOf(offsetString, 1).optional(),
    compactions: listOf(offsetString, 1).optional(),
  }),
})

/** The snapshot document (before compression) of a state that has at least one commit. */
export function encodeSnapshot(state: BackupState): Buffer {
  return Buffer.from([...snapshotPieces(state)].join(''))
}

/** {@link encodeSnapshot} piece by piece; unpacks nothing of the state. */
export function snapshotPieces(state: BackupState): Generator<string> {
  const { tip, source, createdAtMs } = state
  if (!tip || !source || createdAtMs === null)
    throw new KafkaBackupError('KB_INTERNAL', 'a snapshot of an empty backup')
  const histories = state.partitions()
  const gaps = histories.flatMap((entry) => entry.gaps)
  const divergences = histories.flatMap(({ divergence }) => divergence ?? [])
  const hasPrunes = state.prunes.length > 0
  const prunedLineages = hasPrunes ? lineagesOf(histories.filter(({ pruned }) => pruned)) : undefined
  const isCompacted = state.compactions.length > 0
  const { artifacts } = state
  return sealedPieces({
    format: FORMAT,
    version: 1,
    // What has parts of a later history has the divergence that began it.
    features: featuresOf({ segments: [], gaps, divergences, artifacts, prunedLineages, isCompacted }),
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
      begins: histories
        .filter((entry) => !entry.divergence)
        .map((entry) => ({
          topic: entry.topic,
          partition: entry.partition,
          topic_id: entry.topicId,
          offset: entry.beginOffset.toString(),
          since_commit: entry.sinceCommit.toString(),
        })),
      segments: new WrittenList(() => state.segmentTexts()),
      gaps: gaps.map(gapDocument),
      divergences: histories.flatMap(({ divergence, sinceCommit }) =>
        divergence ? [{ ...divergenceDocument(divergence), since_commit: sinceCommit.toString() }] : [],
      ),
      artifacts: artifacts.map((artifact) => ({ ...artifact })),
      runs: state.runs.map((run) => ({
        ...runDocument(run),
        last_commit: run.lastCommit.toString(),
        ended_at: run.endedAtMs.toString(),
        records: run.records,
        stored_bytes: run.storedBytes,
        gaps: run.gaps,
      })),
      pruned: hasPrunes ? histories.flatMap((history) => foldedPruneDocument(history) ?? []) : undefined,
      prunes: hasPrunes ? state.prunes.map(String) : undefined,
      compactions: isCompacted ? state.compactions.map(String) : undefined,
    },
  })
}

/** @throws KB_SNAPSHOT_CORRUPT with the reason */
export function decodeSnapshot(bytes: Buffer): BackupState {
  try {
    const { commit_sha256, features, state: fields } = schema.parse(parseSealed(bytes))
    const { pruned: forgotten = [], prunes = [], compactions = [] } = fields
    const prunedLineages = prunes.length > 0 ? lineagesOf(forgotten) : undefined
    assertFeatures(features, { ...fields, prunedLineages, isCompacted: compactions.length > 0 })
    assertPrunes(prunes, forgotten, fields.number)
    if (!isAscending(compactions, fields.number)) throw new Error('the commits that compact do not ascend')
    const state = new BackupState(fields.backup_id)
    const topics: Commit['topics'] = fields.topics.map((topic) => ({
      name: topic.name,
      topicId: topic.topic_id,
      partitions: topic.partitions,
    }))
    state.fold({ ...fields, topics, forgotten }, fields.number)
    state.prunes.push(...prunes)
    state.compactions.push(...compactions)
    state.source = { clusterId: fields.source.cluster_id, bootstrapServers: fields.source.bootstrap_servers }
    state.createdAtMs = fields.created_at
    state.tip = { number: fields.number, sha256: commit_sha256, createdAtMs: fields.tip_created_at }
    state.runs.push(...fields.runs)
    state.isolation = soleIsolation(fields.runs)
    return state
  } catch (error) {
    const reason = error instanceof z.ZodError ? firstIssue(error) : (error as Error).message
    throw new KafkaBackupError('KB_SNAPSHOT_CORRUPT', `the snapshot is damaged: ${reason}`, { cause: error })
  }
}

/** The commits that prune ascend, lie in the log, and are those that the histories name. */
function assertPrunes(
  prunes: readonly bigint[],
  forgotten: readonly { readonly commit: bigint }[],
  number: bigint,
): void {
  const known = new Set(prunes)
  if (isAscending(prunes, number) && forgotten.every(({ commit }) => known.has(commit))) return
  throw new Error('what was pruned does not go with the commits that prune')
}

function isAscending(numbers: readonly bigint[], last: bigint): boolean {
  return numbers.every((number, at) => number > (numbers[at - 1] ?? 0n) && number <= last)
}

function lineagesOf(entries: readonly { readonly lineage: number }[]): number[] {
  return entries.map(({ lineage }) => lineage)
}

/** All runs of a backup read with one isolation level. */
function soleIsolation(runs: readonly RunSummary[]): IsolationLevel | null {
  const isolation = runs[0]?.isolation ?? null
  if (runs.some((run) => run.isolation !== isolation)) throw new Error('runs of several isolation levels')
  return isolation
}
