import type { KafkaRecord } from '../protocol/record.ts'
import { type BatchSourceOptions, readSourcePieces, type SkipCounter } from '../restore/batch-source.ts'
import { decodeStored } from '../restore/frame-pieces.ts'
import type { TimeWindow } from '../restore/time-window.ts'
import { type Lack, lackEnd, type PartitionReading } from './read-plan.ts'

/** What a reader comes by, in order of offset. */
export type ReadStep =
  | {
      readonly kind: 'records'
      /** Of one stored batch, never none; views of memory that is kept as long as one of them is. */
      readonly records: readonly KafkaRecord[]
    }
  | { readonly kind: 'lack'; readonly lack: Lack }

/** What of the records of a partition is read. */
export interface ReadWish {
  readonly window: TimeWindow | null
  /** Only so many records at the end; absent: all. */
  readonly lastRecords?: number | undefined
}

/** More than any partition holds. */
const ALL = 2n ** 63n

/**
 * The committed records of a partition, verified as a restore verifies them, and what is lacking between them. Only frames that overlap
 * the wish are read, one ahead. What lies before damage is given before the error.
 * @throws KB_SEGMENT_CORRUPT, KB_PRUNED, KB_BATCH_CORRUPT, KB_TRANSFORM_UNAVAILABLE, KB_STORAGE_*
 */
export async function* readPartition(
  options: BatchSourceOptions,
  reading: PartitionReading,
  { window, lastRecords }: ReadWish,
): AsyncGenerator<ReadStep, void, undefined> {
  const skipped = lastRecords === undefined ? 0n : await countBefore(options, reading, window, lastRecords)
  const skip = { left: skipped }
  const lacks = [...reading.lacks]
  let isFirst = true
  for await (const piece of readSourcePieces(options, reading.parts, { window, isByRecord: true }, skip)) {
    options.signal.throwIfAborted()
    const { records } = piece.kind === 'batch' ? decodeStored(piece) : piece
    const [first] = records
    if (!first) continue
    for (let next = lacks[0]; next && lackEnd(next) <= first.offset; next = lacks[0]) {
      lacks.shift()
      // What lies before the last records that are wanted is not asked for.
      if (!isFirst || skipped === 0n) yield { kind: 'lack', lack: next }
    }
    isFirst = false
    yield { kind: 'records', records }
  }
  for (const lack of lacks) yield { kind: 'lack', lack }
}

/**
 * How many committed records a partition has. Reads only where the commits do not say it: frames that a range or a window cuts.
 * @throws as {@link readPartition}
 */
export async function countRecords(
  options: BatchSourceOptions,
  { parts, records, isExact }: PartitionReading,
  window: TimeWindow | null,
): Promise<number> {
  if (isExact) return records
  // Passing over counts, without reading what need not be read.
  const skip: SkipCounter = { left: ALL }
  for await (const _ of readSourcePieces(options, parts, { window, isByRecord: true }, skip)) {
    options.signal.throwIfAborted()
  }
  return Number(ALL - skip.left)
}

async function countBefore(
  options: BatchSourceOptions,
  reading: PartitionReading,
  window: TimeWindow | null,
  lastRecords: number,
): Promise<bigint> {
  const count = await countRecords(options, reading, window)
  return BigInt(Math.max(0, count - lastRecords))
}
