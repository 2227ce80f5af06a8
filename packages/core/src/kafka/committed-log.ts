import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { AbortedTransactionTracker } from '../protocol/aborted-transaction-tracker.ts'
import { AbortedTransactionFilter } from '../protocol/aborted-transactions.ts'
import { type KafkaRecord, readRecords } from '../protocol/record.ts'
import { BatchCursor, verifyCrc } from '../protocol/record-batch.ts'
import { partitionName } from './cluster.ts'
import {
  type PartitionRange,
  type PartitionReaderOptions,
  type ReadChunk,
  readPartition,
} from './partition-reader.ts'

/** Data of one batch of a cluster, as a reader of committed records sees it. */
export interface CommittedBatch {
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  /** Its transaction was aborted: nobody sees its records, and `records` is empty. */
  readonly isAborted: boolean
  /** Within the range. */
  readonly records: readonly KafkaRecord[]
}

/**
 * What a reader of committed records sees of a range, batch by batch, checked against each batch's CRC. Records that are deleted meanwhile
 * are passed over, and `onLogStart` is told where the log begins; where the log ends early, this ends too.
 * @throws KB_BATCH_CORRUPT, KB_CLUSTER_*
 */
export async function* readCommitted(
  options: PartitionReaderOptions,
  range: PartitionRange,
  onLogStart: (offset: bigint) => void,
): AsyncGenerator<CommittedBatch, void, undefined> {
  const { cluster } = options
  for (let position = range.beginOffset; position < range.endOffset; ) {
    const tracker = new AbortedTransactionTracker(position)
    try {
      const rest = { ...range, beginOffset: position }
      for await (const chunk of readPartition({ ...options, isReadCommitted: true }, rest)) {
        onLogStart(chunk.logStartOffset)
        yield* batchesOf(chunk, range, tracker)
        position = chunk.nextOffset
      }
      return
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_LOG_ENDS_EARLY')) return
      if (!isKafkaBackupError(error, 'KB_OFFSET_OUT_OF_RANGE')) throw error
      const starts = await cluster.listOffsets('log_start', [range])
      const logStart = starts.get(partitionName(range)) ?? 0n
      // The log is not cut at its begin: it ends below what was asked for.
      if (logStart <= position) return
      onLogStart(logStart)
      position = logStart
    }
  }
}

function* batchesOf(
  { bytes, aborted, nextOffset }: ReadChunk,
  range: PartitionRange,
  tracker: AbortedTransactionTracker,
): Generator<CommittedBatch> {
  const filter = filterOf(tracker, { bytes, aborted, nextOffset })
  const cursor = new BatchCursor(bytes)
  while (cursor.next()) {
    const { baseOffset: firstOffset, lastOffset, isControl } = cursor
    if (isControl || lastOffset < range.beginOffset || firstOffset >= range.endOffset) continue
    verifyCrc(cursor)
    const isAborted = filter.drops(cursor)
    const records = isAborted ? [] : [...readRecords(cursor)]
    const isWhole = firstOffset >= range.beginOffset && lastOffset < range.endOffset
    yield { firstOffset, lastOffset, isAborted, records: isWhole ? records : records.filter(isWithin(range)) }
  }
}

/** Markers stand behind what they end: all batches of an answer are looked at before the first is judged. */
function filterOf(
  tracker: AbortedTransactionTracker,
  { bytes, aborted, nextOffset }: Pick<ReadChunk, 'bytes' | 'aborted' | 'nextOffset'>,
): AbortedTransactionFilter {
  const cursor = new BatchCursor(bytes)
  let begin: bigint | null = null
  while (cursor.next()) {
    if (begin === null) tracker.addAborted(aborted, cursor.baseOffset)
    begin ??= cursor.baseOffset
    tracker.addBatch(cursor)
  }
  const filter = new AbortedTransactionFilter(tracker.ranges(begin ?? nextOffset, nextOffset))
  tracker.forgetBefore(nextOffset)
  return filter
}

function isWithin({ beginOffset, endOffset }: PartitionRange): (record: KafkaRecord) => boolean {
  return ({ offset }) => offset >= beginOffset && offset < endOffset
}
