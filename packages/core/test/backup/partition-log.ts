import type { CutFrame, MissingOffsets } from '../../src/backup/batch-intake.ts'
import type { BatchStatistics } from '../../src/format/segment-index.ts'
import type { AbortedTransaction } from '../../src/protocol/aborted-transaction-tracker.ts'
import { readRecords } from '../../src/protocol/record.ts'
import type { BatchCursor } from '../../src/protocol/record-batch.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import type { Prng } from '../protocol/prng.ts'
import { cursorOn, randomBatchInput, record } from '../protocol/samples.ts'
import { abortedListOf, type LogEntry, randomLog } from '../protocol/transaction-log.ts'

/** What a leader has of a partition, and its index of aborted transactions. */
export interface PartitionLog {
  readonly entries: readonly LogEntry[]
  readonly aborted: readonly (AbortedTransaction & { readonly markerOffset: bigint })[]
}

/** What a leader sends. */
export interface Answer {
  readonly bytes: Buffer
  readonly aborted: readonly AbortedTransaction[]
}

/** A frame whose bytes were copied before its buffer was given back. */
export type TakenItem = (Omit<CutFrame, 'chunks'> & { readonly bytes: Buffer }) | MissingOffsets

/** Batches of all codecs and kinds without transactions; with holes between them if wanted, and emptied ones. */
export function plainLog(random: Prng, hasHoles: boolean): PartitionLog {
  let offset = BigInt(random.below(1000))
  const entries = Array.from({ length: 1 + random.below(30) }, (): LogEntry => {
    const isEmptied = hasHoles && random.chance(0.1)
    const input = { ...randomBatchInput(random, isEmptied ? 0 : 1 + random.below(6)), isTransactional: false }
    if (hasHoles && random.chance(0.3)) offset += BigInt(1 + random.below(50))
    const bytes = buildBatch({ ...input, baseOffset: offset })
    const entry = entryOf(bytes)
    offset = entry.lastOffset + 1n
    return entry
  })
  return { entries, aborted: [] }
}

/** Batches of up to `maxBytes` each that no codec shrinks. */
export function bulkyLog(random: Prng, count: number, maxBytes: number): PartitionLog {
  const noise = Buffer.alloc(maxBytes)
  for (let at = 0; at < maxBytes; at++) noise[at] = random.below(256)
  const entries = Array.from({ length: count }, (_, index) => {
    const value = noise.subarray(0, random.below(maxBytes))
    const codec = random.chance(0.2) ? 'lz4' : 'none'
    return entryOf(buildBatch({ baseOffset: BigInt(index), records: [record({ value })], codec }))
  })
  return { entries, aborted: [] }
}

/** Interleaved transactions; `losesSome` takes batches and markers out, as an altered log would. */
export function transactionalLog(random: Prng, losesSome: boolean): PartitionLog {
  const log = randomLog(random, { emptiesMarkers: false, listsEmptyTransactions: random.chance(0.5) })
  if (!losesSome) return log
  const entries = log.entries.filter(() => !random.chance(0.15))
  return { entries: entries.length > 0 ? entries : log.entries, aborted: log.aborted }
}

/** What the leader answers to a fetch at `offset`: at least a whole batch, up to `maxBytes`, perhaps cut in a batch. */
export function answerAt(log: PartitionLog, offset: bigint, maxBytes: number, random: Prng): Answer {
  const begin = log.entries.findIndex((entry) => entry.lastOffset >= offset)
  if (begin < 0) return { bytes: Buffer.alloc(0), aborted: [] }
  // A leader finds the place by an index with gaps, and may send a little of what was taken already.
  const sentFrom = random.chance(0.2) ? Math.max(0, begin - random.below(3)) : begin
  const all = Buffer.concat(log.entries.slice(sentFrom).map((entry) => entry.bytes))
  const leastBytes = log.entries
    .slice(sentFrom, begin + 1)
    .reduce((sum, entry) => sum + entry.bytes.length, 0)
  const bytes = Buffer.from(all.subarray(0, Math.max(leastBytes, maxBytes)))
  let end = begin
  for (let left = bytes.length - leastBytes; end + 1 < log.entries.length && left > 0; end++) {
    left -= log.entries[end + 1]!.bytes.length
  }
  return { bytes, aborted: abortedListOf(log, begin, end + 1, random) }
}

/** The batches of `bytes`, one by one. */
export function entriesIn(bytes: Buffer): BatchCursor[] {
  const cursors: BatchCursor[] = []
  for (let at = 0; at < bytes.length; ) {
    const cursor = cursorOn(bytes.subarray(at))
    cursors.push(cursor)
    at += cursor.byteLength
  }
  return cursors
}

/**
 * Statistics of whole batches as plainly as can be: every record is decompressed and looked at. `isAborted` knows the
 * truth by base offset; records below `floorOffset` are gone.
 */
export function statisticsOf(
  batches: readonly BatchCursor[],
  isAborted: (baseOffset: bigint) => boolean,
  floorOffset: bigint,
): BatchStatistics {
  const data = batches.filter((batch) => !batch.isControl)
  const timed = data.filter((batch) => batch.recordCount > 0)
  const visible = (batch: BatchCursor) =>
    [...readRecords(batch)].filter((entry) => entry.offset >= floorOffset).length
  const count = (some: readonly BatchCursor[]) => some.reduce((sum, batch) => sum + visible(batch), 0)
  const begin = (batch: BatchCursor) => (batch.baseOffset < floorOffset ? floorOffset : batch.baseOffset)
  const timestamps = timed.flatMap((batch) => [...readRecords(batch)].map((entry) => entry.timestamp))
  const isMinKnown = timed.every((batch) => batch.codec === 'none' || batch.isLogAppendTime)
  return {
    firstOffset: begin(batches[0]!),
    lastOffset: batches.at(-1)!.lastOffset,
    batches: batches.length,
    controlBatches: batches.length - data.length,
    records: count(data.filter((batch) => !isAborted(batch.baseOffset))),
    abortedRecords: count(data.filter((batch) => isAborted(batch.baseOffset))),
    minTimestampMs: isMinKnown && timestamps.length > 0 ? smallest(timestamps) : null,
    maxTimestampMs: -smallest([1n, ...timed.map((batch) => -batch.maxTimestamp)]),
    leaderEpochs: batches
      .map((batch) => [batch.partitionLeaderEpoch, begin(batch)] as const)
      .filter(([epoch], index) => epoch !== batches[index - 1]?.partitionLeaderEpoch),
    largestBatchBytes: Math.max(...batches.map((batch) => batch.byteLength)),
    codecs: [...new Set(batches.map((batch) => batch.codec))].sort(),
  }
}

function entryOf(bytes: Buffer): LogEntry {
  const { baseOffset, lastOffset, isControl } = cursorOn(bytes)
  return { bytes, baseOffset, lastOffset, isControl, isAborted: false }
}

function smallest(numbers: readonly bigint[]): bigint {
  return numbers.reduce((least, next) => (next < least ? next : least))
}
