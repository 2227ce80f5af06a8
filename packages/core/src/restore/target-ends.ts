import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { partitionName } from '../kafka/cluster.ts'
import { type PartitionRange, type PartitionReaderOptions, readPartition } from '../kafka/partition-reader.ts'
import { BatchCursor } from '../protocol/record-batch.ts'
import { type RetryPolicy, retry } from '../runtime/retry.ts'
import type { LaneEnd } from './restore-attempt.ts'

const END_RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 30_000 }

/**
 * What the target says it holds must be what we wrote: a foreign writer or a deletion is noticed here at the latest. The markers of
 * the last transaction may still be on their way, and a coordinator that takes over from one that died writes them again.
 * @throws KB_TARGET_CHANGED
 */
export async function assertEnds(
  options: PartitionReaderOptions,
  ends: readonly LaneEnd[],
  isTransactional: boolean,
): Promise<void> {
  const { cluster, clock, signal } = options
  const compare = async (): Promise<void> => {
    const watermarks = await cluster.listOffsets('high_watermark', ends)
    for (const end of ends) {
      const { topic, partition, expectedOffset } = end
      const endOffset = watermarks.get(partitionName(end)) ?? 0n
      if (expectedOffset === null || endOffset === expectedOffset) continue
      const added = { topic, partition, beginOffset: expectedOffset, endOffset }
      if (endOffset > expectedOffset && isTransactional && (await holdsMarkersOnly(options, added))) continue
      throw wrongEnd(end, endOffset)
    }
  }
  await retry(compare, { policy: END_RETRY, clock, signal }).catch((error) => {
    if (!isKafkaBackupError(error, 'KB_BROKER_TRANSIENT') || error.context.offset === undefined) throw error
    throw new KafkaBackupError('KB_TARGET_CHANGED', error.message, { context: error.context })
  })
}

/**
 * What was deleted from the begin of the log is missing too, also where it expired: the end of the log does not tell it.
 * @throws KB_TARGET_CHANGED
 */
export async function assertBegins(
  { cluster, clock, signal }: PartitionReaderOptions,
  ends: readonly LaneEnd[],
): Promise<void> {
  const written = ends.filter(({ position }) => position > 0n)
  const read = () => cluster.listOffsets('log_start', written)
  const starts = written.length === 0 ? new Map() : await retry(read, { policy: END_RETRY, clock, signal })
  for (const { topic, partition, beginOffset } of written) {
    const name = partitionName({ topic, partition })
    const startOffset: bigint = starts.get(name) ?? 0n
    if (startOffset <= beginOffset) continue
    throw new KafkaBackupError(
      'KB_TARGET_CHANGED',
      `${name} begins at offset ${startOffset}, and this restore wrote from offset ${beginOffset} on: somebody deleted records of it, or the retention of the topic did`,
      { context: { topic, partition, offset: startOffset.toString() } },
    )
  }
}

async function holdsMarkersOnly(options: PartitionReaderOptions, range: PartitionRange): Promise<boolean> {
  const cursor = new BatchCursor()
  for await (const { bytes } of readPartition(options, range)) {
    for (cursor.reset(bytes); cursor.next(); ) {
      if (cursor.lastOffset >= range.beginOffset && !cursor.isControl) return false
    }
  }
  return true
}

function wrongEnd({ topic, partition, expectedOffset }: LaneEnd, endOffset: bigint): KafkaBackupError {
  const mayPass = expectedOffset !== null && endOffset < expectedOffset
  return new KafkaBackupError(
    mayPass ? 'KB_BROKER_TRANSIENT' : 'KB_TARGET_CHANGED',
    `${partitionName({ topic, partition })} ends at offset ${endOffset}, expected ${expectedOffset}: something else wrote to this topic, or deleted from it`,
    { context: { topic, partition, offset: endOffset.toString() } },
  )
}
