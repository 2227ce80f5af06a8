import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type OpenTransaction, partitionName } from '../kafka/cluster.ts'
import { openTransactionText } from '../kafka/open-transaction-text.ts'
import { isOfStop } from '../runtime/stopped.ts'
import type { PartitionWriter } from './partition-writer.ts'
import type { SharedReading } from './shared-reading.ts'

// A line of a report has room for this many.
const NAMED_MAX = 3

/** Says which transactions keep a partition from its target, and since when; gives the partition up when `isOver`. */
export async function blameTransactions(
  shared: SharedReading,
  writer: PartitionWriter,
  isOver: boolean,
): Promise<void> {
  const { plan, intake } = writer
  const unnamed = `a transaction is open at offset ${intake.nextOffset}`
  // Given up at once, so that no answer that is under way is waited for; the words follow.
  if (isOver) writer.giveUp('open_transaction', unnamed)
  const open = await findOpen(shared, writer)
  const shown = open.slice(0, NAMED_MAX)
  for (const { producerId, transactionalId, firstOffset, beganAtMs, lastWriteAtMs } of shown) {
    shared.observe({
      type: 'transaction_blocks',
      topic: plan.topic,
      partition: plan.partition,
      producerId,
      transactionalId,
      firstOffset,
      sinceMs: beganAtMs ?? lastWriteAtMs,
    })
  }
  if (!isOver) return
  const more = open.length > shown.length ? ` and ${open.length - shown.length} more` : ''
  const detail = shown.length > 0 ? shown.map(openTransactionText).join('; ') + more : unnamed
  shared.observe({ type: 'partition_unread', ...writer.giveUp('open_transaction', detail) })
}

/** Oldest first; none when the brokers do not tell, and when the reading ends before they do. */
async function findOpen(shared: SharedReading, { plan }: PartitionWriter): Promise<OpenTransaction[]> {
  try {
    const open = await shared.cluster.openTransactions([plan])
    return open
      .filter((entry) => partitionName(entry) === partitionName(plan))
      .sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  } catch (error) {
    // The blame is a courtesy: that the partition is blocked is known without it.
    if (isKafkaBackupError(error) || isOfStop(error, shared.signal)) return []
    throw error
  }
}
