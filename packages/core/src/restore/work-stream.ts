import type { FrameEntry } from '../format/segment-index.ts'
import type { Codec } from '../protocol/codec.ts'
import type { KafkaRecord } from '../protocol/record.ts'
import { invariant } from '../runtime/invariant.ts'
import { type BatchSourceOptions, readSourcePieces, type SkipCounter } from './batch-source.ts'
import { decodeStored, type SourcePiece } from './frame-pieces.ts'
import type { LaneBatch, WorkBatch } from './lane-batch.ts'
import { LaneBatcher } from './lane-batcher.ts'
import { partitionOfKey } from './murmur2.ts'
import { changesHeaders, withPlannedHeaders } from './offset-headers.ts'
import type { ClippedPart, PartitionRestorePlan, RestorePlan, RestoreWork } from './restore-plan.ts'

/** Where a work is read from, and what the target takes. */
export interface WorkStreamOptions extends BatchSourceOptions {
  /** By target topic; batches of a topic that is not in it stay as they are. */
  readonly batchMaxBytes: ReadonlyMap<string, number>
  /** By target topic: what its brokers compress everything with. */
  readonly topicCodecs: ReadonlyMap<string, Codec>
}

/** A record of a work as it is written, and where it comes from and goes to. */
export interface WorkRecord {
  /** Place in `RestoreWork.targets`. */
  readonly lane: number
  /** Place in `RestorePlan.partitions`. */
  readonly source: number
  /** Its offset is that of the source. */
  readonly record: KafkaRecord
}

/** Records that wait in all lanes of a work together; beyond it the fullest lane is emptied. */
const LANES_MAX_BYTES = 16 * 1024 * 1024

/**
 * Batches of a work, from record `begin[lane]` of each lane on; the first one of a lane may be a stored batch that was cut. The records
 * and their order are a function of the plan; the batches are a function of plan, `begin`, what the target takes, and stored bytes.
 * @throws KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT, KB_TRANSFORM_UNAVAILABLE, KB_RECORD_TOO_LARGE
 */
export async function* readWork(
  options: WorkStreamOptions,
  plan: RestorePlan,
  work: RestoreWork,
  begin: readonly bigint[],
): AsyncGenerator<WorkBatch, void, undefined> {
  const batchers = work.targets.map(({ topic }) => batcherOf(options, plan, topic))
  const left = [...begin]
  for await (const { source, piece } of readPieces(options, plan, work, begin)) {
    if (piece.kind === 'batch') {
      // Only a work with one lane asks for stored batches.
      yield* onLane(0, laneOf(batchers, 0).addStored(piece, source))
      continue
    }
    const routed = routedRecords(work, sourceOf(plan, source), piece.records, left)
    for (const [lane, records] of routed) {
      const written = asWritten(plan, source, records)
      yield* onLane(lane, laneOf(batchers, lane).addGroup(source, written, piece.codec))
    }
    yield* emptyFullest(batchers)
  }
  for (const [lane, batcher] of batchers.entries()) yield* onLane(lane, batcher.flush())
}

/** What {@link readWork} writes, record by record; for comparisons. */
export async function* readWorkRecords(
  options: BatchSourceOptions,
  plan: RestorePlan,
  work: RestoreWork,
  begin: readonly bigint[],
): AsyncGenerator<WorkRecord, void, undefined> {
  const left = [...begin]
  for await (const { source, piece } of readPieces(options, plan, work, begin)) {
    const { records } = piece.kind === 'batch' ? decodeStored(piece) : piece
    for (const [lane, own] of routedRecords(work, sourceOf(plan, source), records, left)) {
      for (const record of asWritten(plan, source, own)) yield { lane, source, record }
    }
  }
}

/** Records of a lane that are written, in one codec unless the topic has its own. */
export interface RoutedRecords {
  readonly lane: number
  readonly source: number
  readonly codec: Codec
  readonly records: readonly KafkaRecord[]
}

/** What is left out when a work is only looked at; each says true for what is to be seen. */
export interface WorkSight {
  readonly isPartChosen: (clip: ClippedPart) => boolean
  readonly isFrameChosen: (clip: ClippedPart, entry: FrameEntry) => boolean
  /** A stored batch that would be written as it is. */
  readonly isBatchChosen: (bytes: Buffer) => boolean
}

/** What {@link readWork} would write, as far as it is to be seen; for the preflight. */
export async function* sightWork(
  options: BatchSourceOptions,
  plan: RestorePlan,
  work: RestoreWork,
  begin: readonly bigint[],
  sight: WorkSight,
): AsyncGenerator<RoutedRecords, void, undefined> {
  const isByRecord = isReadByRecord(plan, work)
  const left = [...begin]
  const skip = skipOf(work, begin)
  const isBehindBegin = () =>
    skip.left === 0n && (work.routing === 'direct' || left.every((own) => own === 0n))
  for (const source of work.sources) {
    const entry = sourceOf(plan, source)
    for (const clip of entry.parts) {
      if (isBehindBegin() && !sight.isPartChosen(clip)) continue
      const isFrameChosen = (frame: FrameEntry) => !isBehindBegin() || sight.isFrameChosen(clip, frame)
      const wish = { window: plan.window, isByRecord, isFrameChosen }
      for await (const piece of readSourcePieces(options, [clip], wish, skip)) {
        if (piece.kind === 'batch' && !sight.isBatchChosen(piece.bytes)) continue
        const { codec, records } = piece.kind === 'batch' ? decodeStored(piece) : piece
        for (const [lane, own] of routedRecords(work, entry, records, left))
          yield { lane, source, codec, records: asWritten(plan, source, own) }
      }
    }
  }
}

/** Pieces of the sources, one after the other. Of a work with one lane, what lies before `begin` is not there any more. */
async function* readPieces(
  options: BatchSourceOptions,
  plan: RestorePlan,
  work: RestoreWork,
  begin: readonly bigint[],
): AsyncGenerator<{ readonly source: number; readonly piece: SourcePiece }, void, undefined> {
  invariant(begin.length === work.targets.length, 'each lane has a record to begin with')
  const isByRecord = isReadByRecord(plan, work)
  const skip = skipOf(work, begin)
  for (const source of work.sources) {
    const { parts } = sourceOf(plan, source)
    for await (const piece of readSourcePieces(options, parts, { window: plan.window, isByRecord }, skip)) {
      yield { source, piece }
    }
  }
}

/** True when no stored batch is written as it is. */
export function isReadByRecord({ headers }: RestorePlan, { routing }: RestoreWork): boolean {
  return routing !== 'direct' || changesHeaders(headers)
}

function skipOf({ routing }: RestoreWork, begin: readonly bigint[]): SkipCounter {
  return { left: routing === 'direct' ? (begin[0] ?? 0n) : 0n }
}

/**
 * Which lane gets which of the records; each keeps their order. Records without a key follow the partition that they were in, so that
 * the same plan always puts them into the same place. `left` counts down what a lane has already.
 */
function routedRecords(
  work: RestoreWork,
  { partition }: PartitionRestorePlan,
  records: readonly KafkaRecord[],
  left: bigint[],
): ReadonlyMap<number, readonly KafkaRecord[]> {
  if (work.routing === 'direct') return new Map([[0, records]])
  const lanes = work.targets.length
  const routed = new Map<number, KafkaRecord[]>()
  for (const record of records) {
    const lane = record.key === null ? partition % lanes : partitionOfKey(record.key, lanes)
    const isThere = (left[lane] ?? 0n) > 0n
    if (isThere) left[lane] = (left[lane] ?? 0n) - 1n
    else if (routed.has(lane)) routed.get(lane)?.push(record)
    else routed.set(lane, [record])
  }
  return routed
}

function asWritten(
  plan: RestorePlan,
  source: number,
  records: readonly KafkaRecord[],
): readonly KafkaRecord[] {
  if (!changesHeaders(plan.headers)) return records
  const { partition } = sourceOf(plan, source)
  return records.map((record) => withPlannedHeaders(plan.headers, record, partition))
}

function* emptyFullest(batchers: readonly LaneBatcher[]): Generator<WorkBatch> {
  while (batchers.reduce((sum, batcher) => sum + batcher.pendingBytes, 0) > LANES_MAX_BYTES) {
    const most = Math.max(...batchers.map(({ pendingBytes }) => pendingBytes))
    const lane = batchers.findIndex(({ pendingBytes }) => pendingBytes === most)
    yield* onLane(lane, laneOf(batchers, lane).flush())
  }
}

function* onLane(lane: number, batches: Iterable<LaneBatch>): Generator<WorkBatch> {
  for (const batch of batches) yield { lane, batch }
}

function batcherOf(options: WorkStreamOptions, plan: RestorePlan, topic: string): LaneBatcher {
  return new LaneBatcher({
    limit: {
      maxBytes: options.batchMaxBytes.get(topic) ?? Number.POSITIVE_INFINITY,
      codec: options.topicCodecs.get(topic) ?? null,
    },
    isKeepingOffsets: plan.isKeepingOffsets,
    nameOf: (source) => {
      const { sourceTopic, partition } = sourceOf(plan, source)
      return `${sourceTopic}/${partition}`
    },
  })
}

function laneOf(batchers: readonly LaneBatcher[], lane: number): LaneBatcher {
  const batcher = batchers[lane]
  invariant(batcher, 'a lane of the work')
  return batcher
}

function sourceOf(plan: RestorePlan, source: number): PartitionRestorePlan {
  const entry = plan.partitions[source]
  invariant(entry, 'a source of the plan')
  return entry
}
