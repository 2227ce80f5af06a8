import type { FillJob } from '@kafka-backup/testkit'
import { compressSync } from 'snappy'
import {
  assembleBatch,
  type BatchInput,
  buildBatch,
  encodeRecords,
  type RecordInput,
} from '../../packages/core/src/protocol/record-batch-builder.ts'
import type { TopicSpec } from '../harness/new-topics.ts'
import * as made from './hand-made-records.ts'

/** A topic with one thing that Kafka allows. Its records are made by hand, or by Kafka's own producer. */
export interface CorpusTopic {
  readonly topic: string
  /** What has to come back. */
  readonly what: string
  readonly config?: TopicSpec['config']
  /** For partition 0, in this order. */
  readonly batches?: () => readonly HandMadeBatch[]
  /** Goes to partition 0 too, after the hand-made batches. */
  readonly job?: Omit<FillJob, 'topic' | 'partition'>
  /** The log begins there at last; inside a batch, which then has to be encoded again. */
  readonly deletedBefore?: number
  /** Compared with what the console consumer prints, too. */
  readonly isPrinted?: boolean
}

/** A batch and what it is meant to hold. */
export interface HandMadeBatch {
  readonly bytes: Buffer
  readonly records: readonly RecordInput[]
  /** Set on the topic before the batch is sent. */
  readonly timestampType?: 'CreateTime' | 'LogAppendTime'
}

const MIB = 1024 * 1024
/** Of the broker, and so the ceiling of this corpus: a record of 32 MiB and what belongs to it. */
export const MAX_MESSAGE_BYTES = 34 * MIB
export const LARGEST_VALUE_BYTES = 32 * MIB
/** Above the default of `fetch_max_bytes`. */
const ABOVE_FETCH_BYTES = 8 * MIB + 1
const TINY_RECORDS = 100_000
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const FAR_MS = BigInt(Date.UTC(2999, 11, 31))
/** Longer than from now to the end of the year 2999. */
const AFTER_MAX_MS = 2n ** 45n
/** Brokers of Kafka 4 take times of an hour ahead unless told otherwise. */
export const FAR_FUTURE_TAKEN = { 'log.message.timestamp.after.max.ms': `${AFTER_MAX_MS}` } as const

const filled = { records: 400, valueBytes: 200, maxHeaders: 3, nullKeyEvery: 7, tombstoneEvery: 11 } as const

function batch(records: readonly RecordInput[], input: Omit<BatchInput, 'records'> = {}): HandMadeBatch {
  return { bytes: buildBatch({ ...input, records }), records }
}

function inEveryCodec(records: readonly RecordInput[]): HandMadeBatch[] {
  return CODECS.map((codec) => batch(records, { codec }))
}

/** Snappy without the framing of Java's library, as librdkafka and Go clients send it. */
function rawSnappy(records: readonly RecordInput[]): HandMadeBatch {
  const baseTimestamp = records[0]!.timestamp
  const bytes = assembleBatch(
    { codec: 'snappy' },
    {
      body: compressSync(encodeRecords(records, baseTimestamp)),
      recordCount: records.length,
      lastOffsetDelta: records.length - 1,
      baseTimestamp,
      maxTimestamp: records.reduce((max, { timestamp }) => (timestamp > max ? timestamp : max), -1n),
    },
  )
  return { bytes, records }
}

function everything(): RecordInput[] {
  const bytes = made.arbitraryBytes()
  return [...made.nullAndEmpty(), ...made.headers(), ...bytes, ...made.timestampsFromAbsent(FAR_MS)]
}

/** All topics there are. */
export const CORPUS: readonly CorpusTopic[] = [
  ...CODECS.map(
    (compression): CorpusTopic => ({
      topic: `codec-${compression}`,
      what: `${compression} batches of Kafka's own producer${compression === 'snappy' ? ', in the framing of xerial' : ''}`,
      job: { ...filled, compression, batchBytes: 8_192 },
    }),
  ),
  {
    topic: 'snappy-raw',
    what: 'snappy batches without a framing',
    batches: () => [rawSnappy(everything()), rawSnappy([made.sized(100_000)])],
  },
  {
    topic: 'null-and-empty',
    what: 'absent and empty keys and values, in all combinations',
    batches: () => inEveryCodec(made.nullAndEmpty()),
    isPrinted: true,
  },
  {
    topic: 'tombstones',
    what: 'tombstones of a compacted topic',
    config: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '1' },
    job: { ...filled, nullKeyEvery: 0, tombstoneEvery: 2, compression: 'zstd' },
  },
  {
    topic: 'headers',
    what: 'headers that repeat, in their order, absent, empty, without a name, in any script, a thousand of them',
    batches: () => inEveryCodec(made.headers()),
    isPrinted: true,
  },
  {
    topic: 'timestamps',
    what: 'times that are absent, zero, far away, out of order and more than 24.8 days apart in one batch',
    batches: () => [
      ...inEveryCodec(made.timestamps(FAR_MS)),
      ...inEveryCodec(made.timestampsFromAbsent(FAR_MS)),
    ],
    isPrinted: true,
  },
  {
    topic: 'bytes',
    what: 'keys and values that are no UTF-8',
    batches: () => inEveryCodec(made.arbitraryBytes()),
  },
  {
    topic: 'append-time',
    what: 'times at which the broker appended, with everything else as it was sent',
    config: { 'message.timestamp.type': 'LogAppendTime' },
    batches: () => inEveryCodec(everything()),
    job: { ...filled, compression: 'gzip', beginTimestampMs: 1_000_000_000_000 },
    isPrinted: true,
  },
  {
    topic: 'switched',
    what: 'a topic that went from CreateTime to LogAppendTime and back',
    batches: () =>
      (['CreateTime', 'LogAppendTime', 'CreateTime'] as const).flatMap((timestampType, index) => {
        const [first, ...others] = inEveryCodec(made.timestamps(FAR_MS).slice(index))
        return [{ ...first!, timestampType }, ...others]
      }),
    isPrinted: true,
  },
  {
    topic: 'shortened',
    what: 'the rest of a batch whose first records were deleted, in all its variety',
    batches: () => [batch([...everything(), ...everything()], { codec: 'lz4' })],
    deletedBefore: 3,
  },
  {
    topic: 'sizes',
    what: 'records of one byte to 32 MiB',
    batches: () =>
      [1, 2, 100, 65_537, MIB, ABOVE_FETCH_BYTES, LARGEST_VALUE_BYTES, 1].map((bytes) =>
        batch([made.sized(bytes)]),
      ),
  },
  {
    topic: 'large-batches',
    what: 'batches above the size of a fetch, of many records and of every codec',
    batches: () => [
      ...CODECS.slice(1).map((codec) => batch([made.sized(ABOVE_FETCH_BYTES)], { codec })),
      batch(Array.from({ length: 20 }, () => made.sized(500_000))),
    ],
  },
  {
    topic: 'tiny',
    what: 'batches of 100,000 records of one byte',
    batches: () => [batch(made.tiny(TINY_RECORDS)), batch(made.tiny(TINY_RECORDS), { codec: 'zstd' })],
  },
  { topic: 'empty', what: 'a topic without a record' },
]
