import { partitionName } from '../kafka/cluster.ts'
import { readRecords } from '../protocol/record.ts'
import { BatchCursor } from '../protocol/record-batch.ts'
import { LIMITS } from '../runtime/limits.ts'
import { wantedBatches } from './frame-batches.ts'
import { type FrameSourceOptions, readFrames, type Skipping } from './frame-source.ts'
import { changesHeaders, withPlannedHeaders } from './header-injection.ts'
import { partitionOfKey } from './key-routing.ts'
import type { LaneBatch, WorkBatch } from './lane-batch.ts'
import { splitRuns } from './offset-runs.ts'
import { type BatchBounds, MADE_BATCH, type PlacedRecord, RecordBatches } from './record-batches.ts'
import type { PartitionRestorePlan, RestorePlan, RestoreWork } from './restore-plan.ts'

/** What the batches of a work are made from. */
export interface WorkStreamOptions extends FrameSourceOptions {
  /** Largest batch by target topic, in bytes; a topic that is not in it takes every batch as it is stored. */
  readonly batchMaxBytes: ReadonlyMap<string, number>
}

/** Records of all lanes of a work that wait for their batch together, in bytes. */
const ROUTED_BYTES = 16 * 1024 * 1024
const ROUTED_LANE_MIN_BYTES = 16 * 1024

/**
 * The batches of a work from record `begin[lane]` of each lane on: what the plan wants of the archive, verified, in order. A function
 * of the plan and the stored bytes: the records of each lane are the same ones in every run, though batches may be cut
 * elsewhere. One frame is read ahead.
 * @throws KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT, KB_TRANSFORM_UNAVAILABLE, KB_RECORD_TOO_LARGE
 */
export function readWork(
  options: WorkStreamOptions,
  plan: RestorePlan,
  work: RestoreWork,
  begin: readonly bigint[],
): AsyncGenerator<WorkBatch, void, undefined> {
  return work.routing === 'direct'
    ? readDirect(options, plan, work, begin[0] ?? 0n)
    : readRouted(options, plan, work, begin)
}

async function* readDirect(
  options: WorkStreamOptions,
  plan: RestorePlan,
  work: RestoreWork,
  begin: bigint,
): AsyncGenerator<WorkBatch, void, undefined> {
  const skipping: Skipping = { records: begin }
  for (const source of work.sources) {
    for await (const batch of directBatches(options, plan, work, source, skipping)) {
      const left = skip(batch, skipping)
      if (left) yield { lane: 0, batch: left }
    }
  }
}

async function* directBatches(
  options: WorkStreamOptions,
  plan: RestorePlan,
  work: RestoreWork,
  source: number,
  skipping: Skipping,
): AsyncGenerator<LaneBatch> {
  const { parts, partition } = plan.partitions[source] as PartitionRestorePlan
  const batchMaxBytes = batchLimit(options, work)
  const isChanging = changesHeaders(plan.headers)
  for await (const frame of readFrames(options, parts, plan.window, skipping)) {
    const made = new RecordBatches(MADE_BATCH, batchMaxBytes)
    for (const wanted of wantedBatches(frame)) {
      const { cursor } = wanted
      if (wanted.isIntact && !isChanging && cursor.byteLength <= batchMaxBytes) {
        yield* made.flush()
        const { baseOffset: firstOffset, recordCount: records } = cursor
        yield { bytes: cursor.bytes, records, runs: [{ source, firstOffset, records }], isReencoded: false }
        continue
      }
      const placed = wanted.records().map((record): PlacedRecord => {
        const written = isChanging ? withPlannedHeaders(record, partition, plan.headers) : record
        return { source, offset: record.offset, record: written }
      })
      yield* made.addAll(placed, cursor.codec)
    }
    // Byte strings are views of the frame's buffer; nothing outlives it.
    yield* made.flush()
  }
}

/** What is left of a batch behind the records that are skipped. */
function skip(batch: LaneBatch, skipping: Skipping): LaneBatch | undefined {
  if (skipping.records === 0n) return batch
  if (skipping.records >= BigInt(batch.records)) {
    skipping.records -= BigInt(batch.records)
    return undefined
  }
  const skipped = Number(skipping.records)
  skipping.records = 0n
  return behind(batch, skipped)
}

/** The batch without its first `count` records. */
function behind(batch: LaneBatch, count: number): LaneBatch {
  const cursor = new BatchCursor(batch.bytes)
  cursor.next()
  const records = [...readRecords(cursor)].slice(count)
  const made = new RecordBatches(
    { maxRecords: records.length + 1, maxRecordBytes: LIMITS.batchMaxRawBytes },
    LIMITS.batchMaxBytes,
  )
  made.addAll(
    records.map((record) => ({ source: 0, offset: record.offset, record })),
    cursor.codec,
  )
  const [cut] = made.flush()
  const [, runs] = splitRuns(batch.runs, count)
  return { bytes: cut?.bytes ?? batch.bytes, records: records.length, runs, isReencoded: true }
}

async function* readRouted(
  options: WorkStreamOptions,
  plan: RestorePlan,
  work: RestoreWork,
  begin: readonly bigint[],
): AsyncGenerator<WorkBatch, void, undefined> {
  const left = [...begin]
  const maxRecordBytes = Math.max(
    ROUTED_LANE_MIN_BYTES,
    Math.min(MADE_BATCH.maxRecordBytes, Math.floor(ROUTED_BYTES / work.targets.length)),
  )
  const bounds: BatchBounds = { ...MADE_BATCH, maxRecordBytes }
  const lanes = work.targets.map(() => new RecordBatches(bounds, batchLimit(options, work)))
  for (const source of work.sources) {
    const { parts, partition } = plan.partitions[source] as PartitionRestorePlan
    for await (const frame of readFrames(options, parts, plan.window, { records: 0n })) {
      for (const wanted of wantedBatches(frame)) {
        for (const record of wanted.records()) {
          const lane = partitionOfKey(record.key, partition, lanes.length)
          const toSkip = left[lane] ?? 0n
          if (toSkip > 0n) {
            left[lane] = toSkip - 1n
            continue
          }
          const written = changesHeaders(plan.headers)
            ? withPlannedHeaders(record, partition, plan.headers)
            : record
          const made =
            lanes[lane]?.add({ source, offset: record.offset, record: written }, wanted.cursor.codec) ?? []
          for (const batch of made) yield { lane, batch }
        }
      }
      for (const [lane, own] of lanes.entries()) for (const batch of own.flush()) yield { lane, batch }
    }
  }
}

function batchLimit({ batchMaxBytes }: WorkStreamOptions, { targets }: RestoreWork): number {
  return batchMaxBytes.get(targets[0]?.topic ?? '') ?? LIMITS.batchMaxBytes
}

/** `orders/3` of the first target, for messages. */
export function workName({ targets }: RestoreWork): string {
  const [first] = targets
  return first ? partitionName(first) : ''
}
