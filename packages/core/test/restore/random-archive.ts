import { encodeMessage } from '../../../testkit/src/message-set-builder.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import type { AbortedEntry } from '../../src/format/segment-index.ts'
import type { SegmentRecord } from '../../src/format/segment-record.ts'
import type { KafkaRecord } from '../../src/protocol/record.ts'
import { readRecords } from '../../src/protocol/record.ts'
import { buildBatch, type RecordInput } from '../../src/protocol/record-batch-builder.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import type { Prng } from '../protocol/prng.ts'
import { cursorOn, marker, record } from '../protocol/samples.ts'
import { draft, type FrameInput, writeSegment } from '../verify/archive-writer.ts'

/** A backup of random logs, and what a reader of committed records would have seen of each partition. */
export interface RandomArchive {
  readonly state: BackupState
  /** By `topic/partition`. */
  readonly committed: ReadonlyMap<string, readonly KafkaRecord[]>
}

/** Topics and their numbers of partitions; 300 to 3,000 records in each partition. */
export async function writeRandomArchive(
  storage: StorageBackend,
  random: Prng,
  topics: Readonly<Record<string, number>>,
): Promise<RandomArchive> {
  const state = new BackupState('daily')
  const committed = new Map<string, readonly KafkaRecord[]>()
  const segments: SegmentRecord[] = []
  const begins: { topic: string; partition: number; offset: bigint }[] = []
  let sequence = 1
  for (const [topic, partitions] of Object.entries(topics)) {
    for (let partition = 0; partition < partitions; partition++) {
      const log = randomLog(random)
      begins.push({ topic, partition, offset: log.floor })
      committed.set(`${topic}/${partition}`, log.committed)
      let beginOffset = log.floor
      for (const frames of splitToSegments(random, log.batches)) {
        const begin = cursorOn(frames[0]!.batches[0]!).baseOffset
        const segment = await writeSegment(storage, {
          streams: [{ topic, topicId: null, partition }],
          extents: [{ beginOffset, holes: begin > beginOffset ? [[beginOffset, begin]] : [] }],
          frames,
          sequence: sequence++,
          aborted: log.aborted,
        })
        segments.push(segment)
        beginOffset = segment.parts[0]!.nextOffset
      }
    }
  }
  const records = Object.entries(topics).map(([name, partitions]) => ({ name, topicId: null, partitions }))
  await appendCommit(storage, state, draft('run-1', 'complete', { topics: records, begins, segments }))
  return { state, committed }
}

interface RandomLog {
  readonly batches: readonly Buffer[]
  readonly aborted: readonly AbortedEntry[]
  readonly committed: readonly KafkaRecord[]
  /** Records below it were deleted before they were read. */
  readonly floor: bigint
}

function randomLog(random: Prng): RandomLog {
  const batches: Buffer[] = []
  const aborted: AbortedEntry[] = []
  const committed: KafkaRecord[] = []
  let offset = BigInt(random.below(1000))
  const wanted = 300 + random.below(2700)
  let floor = offset
  while (committed.length < wanted) {
    const kind = random.pick([
      'plain',
      'plain',
      'plain',
      'messages',
      'aborted',
      'transaction',
      'emptied',
    ] as const)
    const producerId = BigInt(batches.length)
    const isTransactional = kind === 'aborted' || kind === 'transaction'
    const batch =
      kind === 'messages'
        ? randomMessage(random, offset)
        : randomBatch(random, offset, {
            count: kind === 'emptied' ? 0 : 1 + random.below(60),
            producerId,
            isTransactional,
          })
    batches.push(batch)
    const cursor = cursorOn(batch)
    // The first batch may hold records that were deleted before they were read; holes would hide how many.
    const isWhole = cursor.recordCount === cursor.lastOffsetDelta + 1
    if (batches.length === 1 && isWhole) floor += BigInt(random.below(cursor.lastOffsetDelta + 1))
    const records = [...readRecords(cursor)].filter((entry) => entry.offset >= floor)
    if (kind !== 'aborted') committed.push(...records)
    const first = offset
    offset = cursor.lastOffset + 1n
    if (isTransactional) {
      if (kind === 'aborted') aborted.push({ stream: 0, producerId, firstOffset: first, endOffset: offset })
      batches.push(marker(kind === 'aborted' ? 'abort' : 'commit', offset, producerId))
      offset += 1n
    }
    if (random.chance(0.1)) offset += BigInt(random.below(50))
  }
  return { batches, aborted, committed, floor }
}

function randomMessage(random: Prng, offset: bigint): Buffer {
  const { key, value, timestamp } = randomRecord(random)
  return encodeMessage({
    magic: random.chance(0.5) ? 0 : 1,
    offset,
    key: key as Buffer | null,
    value: value as Buffer | null,
    timestamp,
  })
}

/** With holes as compaction leaves them, with append times, with any codec. */
function randomBatch(
  random: Prng,
  baseOffset: bigint,
  options: { count: number; producerId: bigint; isTransactional: boolean },
): Buffer {
  const isCompacted = random.chance(0.3)
  let delta = -1
  const records: RecordInput[] = Array.from({ length: options.count }, () => {
    delta += isCompacted ? 1 + random.below(3) : 1
    return { ...randomRecord(random), offsetDelta: delta }
  })
  const last = Math.max(0, delta) + (isCompacted ? random.below(3) : 0)
  const isAppendTime = random.chance(0.2)
  return buildBatch({
    baseOffset,
    codec: random.pick(['none', 'none', 'gzip', 'lz4', 'snappy', 'zstd'] as const),
    lastOffsetDelta: last,
    records,
    ...(isAppendTime ? { timestampType: 'log_append_time' as const, maxTimestamp: randomTime(random) } : {}),
    ...(options.isTransactional
      ? { producerId: options.producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true }
      : {}),
  })
}

/** Late ones and early ones, and some without a time. Windows are chosen between 0 and 10,000. */
export function randomTime(random: Prng): bigint {
  return random.chance(0.03) ? -1n : BigInt(random.below(10_000))
}

let drift = 0

function randomRecord(random: Prng): RecordInput {
  // Mostly in order, so that some frames lie inside of a window and others outside.
  drift = (drift + random.below(4)) % 10_000
  const timestamp = random.chance(0.02) ? randomTime(random) : BigInt(drift)
  return record({
    timestamp,
    key: random.chance(0.2) ? null : Buffer.from(`key-${random.below(50)}`.slice(0, random.below(7))),
    value: random.chance(0.1)
      ? null
      : Buffer.from(`value ${random.below(1_000_000)} `.repeat(random.below(6))),
  })
}

function splitToSegments(random: Prng, batches: readonly Buffer[]): FrameInput[][] {
  const segments: FrameInput[][] = []
  let at = 0
  while (at < batches.length) {
    const frames: FrameInput[] = []
    for (let count = 1 + random.below(5); count > 0 && at < batches.length; count--) {
      const next = Math.min(batches.length, at + 1 + random.below(8))
      frames.push({ batches: batches.slice(at, next), mode: random.chance(0.5) ? 'stored' : 'compressed' })
      at = next
    }
    segments.push(frames)
  }
  return segments
}
