import { z } from 'zod'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type JsonValue, parseSealed, sealDocument, sha256Hex } from './canonical-json.ts'
import { listOf } from './checked-list.ts'
import {
  count,
  decimalString,
  digest,
  firstIssue,
  lineage,
  offsetString,
  partition,
  topicId,
  topicName,
  writerId,
} from './document-fields.ts'
import type {
  FinishedEntry,
  LedgerContent,
  LedgerEntry,
  LedgerEntryBase,
  OffsetRun,
  OpenedEntry,
  TargetPlace,
  WritingPace,
} from './restore-ledger.ts'

const FORMAT = 'kafka-backup-restore'
const RUN_PARTS = 4

const place = { topic: topicName, partition }
const base = {
  format: z.literal(FORMAT),
  version: z.literal(1),
  features: listOf(z.string()),
  number: offsetString,
  previous_sha256: digest.nullable(),
  writer: writerId,
  at: count,
}
const setting = z.object({
  topic: topicName,
  name: z.string(),
  held: z.string(),
  original: z.string().nullable(),
})

const openedSchema = z.object({
  ...base,
  type: z.literal('opened'),
  backup_id: z.string(),
  restore_id: z.string(),
  request: z.unknown(),
  request_sha256: digest,
  commit: offsetString,
  commit_sha256: z.union([digest, z.literal('')]),
  from: decimalString.nullable(),
  to: decimalString.nullable(),
  plan_sha256: digest,
  cluster_id: z.string(),
  mode: z.enum(['transactions', 'idempotent']),
  shared: z.literal(true).optional(),
  sources: listOf(z.object({ ...place, lineage })),
  created_topics: listOf(topicName),
  held_settings: listOf(setting),
})
const begunSchema = z.object({
  ...base,
  type: z.literal('begun'),
  topics: listOf(z.object({ name: topicName, topic_id: topicId, batch_max_bytes: count.nullable() })),
  partitions: listOf(z.object({ ...place, begin_offset: offsetString })),
})
const claimedSchema = z.object({
  ...base,
  type: z.literal('claimed'),
  producer_id: offsetString,
  producer_epoch: z.number().int().min(0).max(32_767),
  partitions: listOf(z.object({ ...place, base_position: offsetString })),
})
const runText = z.string().transform((text, context): OffsetRun => {
  const parts = text.split(':')
  const isRun = parts.length === RUN_PARTS && parts.every((part) => /^(0|[1-9][0-9]{0,18})$/.test(part))
  const [source = '', sourceOffset = '', targetOffset = '', records = ''] = parts
  if (!isRun || !Number.isSafeInteger(Number(records)) || Number(records) < 1) {
    context.issues.push({ code: 'custom', message: 'not a run of the offset map', input: text })
    return z.NEVER
  }
  return {
    source: Number(source),
    sourceOffset: BigInt(sourceOffset),
    targetOffset: BigInt(targetOffset),
    records: Number(records),
  }
})
const progressSchema = z.object({
  ...base,
  type: z.literal('progress'),
  partitions: listOf(
    z.object({ ...place, position: offsetString, next_offset: offsetString, runs: listOf(runText) }),
  ),
})
const finishedSchema = z.object({
  ...base,
  type: z.literal('finished'),
  outcome: z.enum(['complete', 'incomplete']),
  records: count,
  written_bytes: count.optional(),
  duration_ms: count.optional(),
  partitions: listOf(z.object({ ...place, position: offsetString, next_offset: offsetString })),
})
const abandonedSchema = z.object({ ...base, type: z.literal('abandoned') })
const SCHEMAS = {
  opened: openedSchema,
  begun: begunSchema,
  claimed: claimedSchema,
  progress: progressSchema,
  finished: finishedSchema,
  abandoned: abandonedSchema,
} as const

/** The bytes of an entry and their digest, which the next entry names. */
export function encodeLedgerEntry(entry: LedgerEntry): { readonly bytes: Buffer; readonly sha256: string } {
  const bytes = sealDocument({
    format: FORMAT,
    version: 1,
    features: [],
    number: entry.number.toString(),
    previous_sha256: entry.previousSha256,
    writer: entry.writer,
    at: entry.atMs,
    type: entry.type,
    ...contentFields(entry),
  })
  return { bytes, sha256: sha256Hex(bytes) }
}

function contentFields(entry: LedgerContent): { readonly [key: string]: JsonValue | undefined } {
  switch (entry.type) {
    case 'opened':
      return {
        backup_id: entry.backupId,
        restore_id: entry.restoreId,
        request: entry.request,
        request_sha256: entry.requestSha256,
        commit: entry.commit.toString(),
        commit_sha256: entry.commitSha256,
        from: entry.fromMs === null ? null : entry.fromMs.toString(),
        to: entry.toMs === null ? null : entry.toMs.toString(),
        plan_sha256: entry.planSha256,
        cluster_id: entry.clusterId,
        mode: entry.mode,
        shared: entry.isShared ? true : undefined,
        sources: entry.sources.map((source) => ({
          ...placeOf(source),
          lineage: source.lineage === 1 ? undefined : source.lineage,
        })),
        created_topics: entry.createdTopics,
        held_settings: entry.heldSettings.map(({ topic, name, held, original }) => ({
          topic,
          name,
          held,
          original,
        })),
      }
    case 'begun':
      return {
        topics: entry.topics.map(({ name, topicId: id, batchMaxBytes }) => ({
          name,
          topic_id: id,
          batch_max_bytes: batchMaxBytes,
        })),
        partitions: entry.partitions.map((own) => ({
          ...placeOf(own),
          begin_offset: own.beginOffset.toString(),
        })),
      }
    case 'claimed':
      return {
        producer_id: entry.producerId.toString(),
        producer_epoch: entry.producerEpoch,
        partitions: entry.partitions.map((own) => ({
          ...placeOf(own),
          base_position: own.basePosition.toString(),
        })),
      }
    case 'progress':
      return {
        partitions: entry.partitions.map((own) => ({ ...reached(own), runs: own.runs.map(runTextOf) })),
      }
    case 'finished':
      return finishedFields(entry)
    case 'abandoned':
      return {}
  }
}

function finishedFields({ outcome, records, pace, partitions }: FinishedEntry) {
  return {
    outcome,
    records,
    written_bytes: pace?.writtenBytes,
    duration_ms: pace?.durationMs,
    partitions: partitions.map(reached),
  }
}

function placeOf({ topic, partition: number }: TargetPlace) {
  return { topic, partition: number }
}

function reached(own: TargetPlace & { readonly position: bigint; readonly nextOffset: bigint }) {
  return { ...placeOf(own), position: own.position.toString(), next_offset: own.nextOffset.toString() }
}

/** `0:1200:77:30`: source, source offset, target offset, records. */
function runTextOf(run: OffsetRun): string {
  return `${run.source}:${run.sourceOffset}:${run.targetOffset}:${run.records}`
}

/** @throws KB_LEDGER_CORRUPT with the reason, KB_FORMAT_UNSUPPORTED for a newer version or an unknown feature */
export function decodeLedgerEntry(bytes: Buffer): LedgerEntry {
  try {
    const parsed = parseSealed(bytes)
    if (parsed.format === FORMAT && parsed.version !== 1) {
      throw new KafkaBackupError('KB_FORMAT_UNSUPPORTED', `restore ledger version ${String(parsed.version)}`)
    }
    const features = listOf(z.string()).parse(parsed.features)
    if (features.length > 0) {
      throw new KafkaBackupError(
        'KB_FORMAT_UNSUPPORTED',
        `a restore ledger needs the feature "${features[0]}"`,
      )
    }
    return decodeFields(parsed)
  } catch (error) {
    if (error instanceof KafkaBackupError) throw error
    const reason = error instanceof z.ZodError ? firstIssue(error) : (error as Error).message
    throw new KafkaBackupError('KB_LEDGER_CORRUPT', `the entry is damaged: ${reason}`, { cause: error })
  }
}

function decodeFields(parsed: Record<string, unknown>): LedgerEntry {
  const type = z.enum(['opened', 'begun', 'claimed', 'progress', 'finished', 'abandoned']).parse(parsed.type)
  const fields = SCHEMAS[type].strict().parse(parsed)
  const own: LedgerEntryBase = {
    number: fields.number,
    previousSha256: fields.previous_sha256,
    writer: fields.writer,
    atMs: fields.at,
  }
  return { ...own, ...contentOf(fields) }
}

type Fields = z.output<(typeof SCHEMAS)[keyof typeof SCHEMAS]>

function contentOf(fields: Fields): LedgerContent {
  switch (fields.type) {
    case 'opened':
      return openedOf(fields)
    case 'begun':
      return {
        type: 'begun',
        topics: fields.topics.map(({ name, topic_id, batch_max_bytes }) => ({
          name,
          topicId: topic_id,
          batchMaxBytes: batch_max_bytes,
        })),
        partitions: fields.partitions.map((own) => ({ ...placeOf(own), beginOffset: own.begin_offset })),
      }
    case 'claimed':
      return {
        type: 'claimed',
        producerId: fields.producer_id,
        producerEpoch: fields.producer_epoch,
        partitions: fields.partitions.map((own) => ({ ...placeOf(own), basePosition: own.base_position })),
      }
    case 'progress':
      return {
        type: 'progress',
        partitions: fields.partitions.map((own) => ({
          ...placeOf(own),
          position: own.position,
          nextOffset: own.next_offset,
          runs: own.runs,
        })),
      }
    case 'finished':
      return {
        type: 'finished',
        outcome: fields.outcome,
        records: fields.records,
        pace: paceOf(fields),
        partitions: fields.partitions.map((own) => ({
          ...placeOf(own),
          position: own.position,
          nextOffset: own.next_offset,
        })),
      }
    case 'abandoned':
      return { type: 'abandoned' }
  }
}

function paceOf({ written_bytes, duration_ms }: z.output<typeof finishedSchema>): WritingPace | null {
  if (written_bytes === undefined || duration_ms === undefined) return null
  return { writtenBytes: written_bytes, durationMs: duration_ms }
}

function openedOf(fields: z.output<typeof openedSchema>): OpenedEntry {
  return {
    type: 'opened',
    backupId: fields.backup_id,
    restoreId: fields.restore_id,
    request: fields.request as JsonValue,
    requestSha256: fields.request_sha256,
    commit: fields.commit,
    commitSha256: fields.commit_sha256,
    fromMs: fields.from,
    toMs: fields.to,
    planSha256: fields.plan_sha256,
    clusterId: fields.cluster_id,
    mode: fields.mode,
    isShared: fields.shared === true,
    sources: fields.sources,
    createdTopics: fields.created_topics,
    heldSettings: fields.held_settings,
  }
}
