import { StatisticsCollector } from '../../src/format/batch-statistics.ts'
import type { RunOutcome, RunRecord } from '../../src/format/commit.ts'
import type { FrameMode } from '../../src/format/frame-transform.ts'
import type { FrameDescription } from '../../src/format/segment-builder.ts'
import type { SegmentStream } from '../../src/format/segment-header.ts'
import type { AbortedEntry } from '../../src/format/segment-index.ts'
import type { LastBatch, SegmentRecord } from '../../src/format/segment-record.ts'
import { zstdTransform } from '../../src/format/zstd-transform.ts'
import { AbortedTransactionFilter } from '../../src/protocol/aborted-transactions.ts'
import { BatchCursor } from '../../src/protocol/record-batch.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import type { CommitDraft } from '../../src/repository/commit-log.ts'
import { bundleKey, segmentKey } from '../../src/repository/key-layout.ts'
import { SegmentUpload, type StreamExtent } from '../../src/repository/segment-upload.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { type ValidateOptions, validateBackup } from '../../src/verify/validate-backup.ts'
import { record } from '../protocol/samples.ts'

export const BACKUP = 'daily'
export const TRANSFORM = zstdTransform(3)
export const TRANSFORMS = new Map([['zstd', TRANSFORM]])
export const WRITER = '9f2c11ab'

const EPOCH_MS = 1_700_000_000_000n

/** A deep validation of the sample backup, unless `options` say otherwise. */
export function validate(storage: StorageBackend, options: Partial<ValidateOptions> = {}) {
  return validateBackup({ storage, backupId: BACKUP, transforms: TRANSFORMS, isDeep: true, ...options })
}

/** One data frame to be written: whole batches of one stream. */
export interface FrameInput {
  readonly stream?: number
  readonly batches: readonly Buffer[]
  readonly mode?: FrameMode
  /** What is stored in place of the batches, as long as they are: of a writer that knows more than this program. */
  readonly stored?: readonly Buffer[]
  /** Changes what the index will say of it: a writer with a defect. */
  readonly falsify?: (description: FrameDescription) => FrameDescription
}

/** One segment to be written. */
export interface SegmentInput {
  readonly streams: readonly SegmentStream[]
  /** History 1 and the last batch of the frames unless they say otherwise. */
  readonly extents: readonly (Pick<StreamExtent, 'beginOffset' | 'holes'> & Partial<StreamExtent>)[]
  readonly frames: readonly FrameInput[]
  readonly sequence: number
  readonly writer?: string
  readonly aborted?: readonly AbortedEntry[]
  /** Header's sequence when it is to differ from the key's. */
  readonly headerSequence?: number
}

/** A data batch of `count` records. */
export function dataBatch(
  baseOffset: bigint,
  count: number,
  options: { producerId?: bigint; lastOffsetDelta?: number; codec?: 'none' | 'gzip'; epoch?: number } = {},
): Buffer {
  return buildBatch({
    baseOffset,
    codec: options.codec ?? 'none',
    partitionLeaderEpoch: options.epoch ?? 0,
    records: Array.from({ length: count }, (_, at) =>
      record({
        key: Buffer.from(`key-${baseOffset + BigInt(at)}`),
        value: Buffer.from(`value ${at} `.repeat(4)),
        timestamp: EPOCH_MS + (baseOffset + BigInt(at)) * 1000n,
      }),
    ),
    ...(options.lastOffsetDelta === undefined ? {} : { lastOffsetDelta: options.lastOffsetDelta }),
    ...(options.producerId === undefined
      ? {}
      : { producerId: options.producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true }),
  })
}

/** Streams the segment to the store as a backup does, and returns what a commit says of it. */
export async function writeSegment(storage: StorageBackend, input: SegmentInput): Promise<SegmentRecord> {
  const { streams, sequence, writer = WRITER, aborted = [] } = input
  const [only] = streams
  const extension = TRANSFORM.extension
  const key =
    streams.length === 1 && only
      ? segmentKey(BACKUP, { ...only, sequence, writer, extension })
      : bundleKey(BACKUP, { sequence, writer, extension })
  const upload = await SegmentUpload.begin(storage, key, {
    backupId: BACKUP,
    writer,
    sequence: input.headerSequence ?? sequence,
    createdAtMs: EPOCH_MS,
    transforms: [TRANSFORM.id],
    streams,
  })
  for (const frame of input.frames) {
    const stream = frame.stream ?? 0
    const floorOffset = input.extents[stream]?.beginOffset ?? 0n
    const description = describeFrame(frame.batches, stream, floorOffset, aborted)
    const chunks = await TRANSFORM.encode(frame.stored ?? frame.batches, frame.mode ?? 'stored')
    await upload.addFrame(frame.falsify?.(description) ?? description, chunks)
  }
  return upload.close(
    aborted,
    input.extents.map((extent, stream) => ({
      lineage: 1,
      lastBatch: lastBatchOf(input.frames.filter((frame) => (frame.stream ?? 0) === stream)),
      ...extent,
    })),
  )
}

function lastBatchOf(frames: readonly FrameInput[]): LastBatch | null {
  const batch = frames.at(-1)?.batches.at(-1)
  if (!batch) return null
  const cursor = new BatchCursor(batch)
  return cursor.next() ? { baseOffset: cursor.baseOffset, crc: cursor.crc } : null
}

function describeFrame(
  batches: readonly Buffer[],
  stream: number,
  floorOffset: bigint,
  aborted: readonly AbortedEntry[],
): FrameDescription {
  const filter = new AbortedTransactionFilter(aborted.filter((entry) => entry.stream === stream))
  const collector = new StatisticsCollector()
  for (const batch of batches) {
    const cursor = new BatchCursor(batch)
    cursor.next()
    const hidden = cursor.baseOffset < floorOffset ? Number(floorOffset - cursor.baseOffset) : 0
    collector.add(
      cursor,
      !cursor.isControl && filter.drops(cursor),
      floorOffset,
      cursor.recordCount - (cursor.isControl ? 0 : hidden),
    )
  }
  const rawBytes = collector.rawBytes
  return { ...collector.take(), stream, rawBytes }
}

/** A commit draft of a run. */
export type RunDraft = CommitDraft & { readonly run: RunRecord }

/** A commit draft with nothing in it. */
export function draft(run: string, outcome: RunOutcome, parts: Partial<CommitDraft> = {}): RunDraft {
  const ownRun: RunRecord = {
    id: run,
    beganAtMs: EPOCH_MS,
    targetAtMs: EPOCH_MS + 5n,
    outcome,
    isolation: 'read_committed',
    unread: [],
  }
  return {
    backupId: BACKUP,
    writer: WRITER,
    program: 'kafka-backup 0.1.0',
    createdAtMs: EPOCH_MS,
    source: { clusterId: 'cluster-1', bootstrapServers: ['broker:9092'] },
    topics: [],
    begins: [],
    segments: [],
    gaps: [],
    divergences: [],
    artifacts: [],
    ...parts,
    run: parts.run ?? ownRun,
  }
}

const ORDERS_ID = 'AAAAAAAAAAAAAAAAAAAAAA'
export const ORDERS_0: SegmentStream = { topic: 'orders', topicId: ORDERS_ID, partition: 0 }
export const ORDERS_1: SegmentStream = { topic: 'orders', topicId: ORDERS_ID, partition: 1 }
/** The topic of {@link ORDERS_0} as a commit declares it. */
export const ORDERS_TOPIC = { name: 'orders', topicId: ORDERS_ID, partitions: 2 }
export const AUDIT_0: SegmentStream = { topic: 'audit', topicId: null, partition: 0 }
