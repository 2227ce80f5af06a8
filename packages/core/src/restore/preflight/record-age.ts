import { BatchCursor } from '../../protocol/record-batch.ts'
import { type BatchSourceOptions, readSourcePieces } from '../batch-source.ts'
import type { SourcePiece } from '../frame-pieces.ts'
import type { RestorePlan, TopicRestorePlan } from '../restore-plan.ts'

/**
 * Whether a batch of a topic holds nothing from `oldestMs` on, and so would be deleted as too old. The commits do not know the oldest
 * record of batches that producers have compressed: the archive is read through for it, up to the first such batch.
 */
export async function holdsOlder(
  source: BatchSourceOptions,
  plan: RestorePlan,
  topic: TopicRestorePlan,
  oldestMs: bigint,
): Promise<boolean> {
  const wish = { window: plan.window, isByRecord: false }
  for (const entry of plan.partitions.filter(({ targetTopic }) => targetTopic === topic.targetTopic)) {
    for await (const piece of readSourcePieces(source, entry.parts, wish, { left: 0n })) {
      const newestMs = newestOf(piece)
      if (newestMs >= 0n && newestMs < oldestMs) return true
    }
  }
  return false
}

function newestOf(piece: SourcePiece): bigint {
  if (piece.kind === 'records')
    return piece.records.reduce((max, { timestamp }) => (timestamp > max ? timestamp : max), -1n)
  const cursor = new BatchCursor(piece.bytes)
  return cursor.next() ? cursor.maxTimestamp : -1n
}
