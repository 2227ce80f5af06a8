import { type Cluster, partitionName, type TopicPartition } from '../../kafka/cluster.ts'
import { endOfTransactionText, openTransactionText } from '../../kafka/open-transaction-text.ts'
import { restoreOf } from '../left-open.ts'
import type { TargetOptions } from './target-plan.ts'

/** Those of producers that are at work end before that, and new ones begin. */
const OPEN_LONG_MS = 30_000
const NAMED_MAX = 3

/** Transactions in topics that are restored into and hold records already: behind them, readers of committed records see nothing. */
export async function openWarnings(
  cluster: Cluster,
  clusterId: string,
  places: readonly TopicPartition[],
  { earlierRestores, nowMs }: Pick<TargetOptions, 'earlierRestores' | 'nowMs'>,
): Promise<string[]> {
  const open = places.length === 0 ? [] : await cluster.openTransactions(places)
  if (open.length === 0) return []
  const ledgers = await earlierRestores().catch(() => [])
  const warnings = open.flatMap((entry) => {
    const owner = restoreOf(ledgers, clusterId, entry)
    const where = `${partitionName(entry)} from offset ${entry.firstOffset} on`
    if (owner) return [`restore ${owner.restoreId} has a transaction open in ${where}; it is aborted first`]
    if (nowMs - (entry.beganAtMs ?? entry.lastWriteAtMs) < OPEN_LONG_MS) return []
    return [
      `readers of committed records see nothing of ${where}: ${openTransactionText(entry)}; ${endOfTransactionText(entry)}. The restore is complete when it has ended, and not before`,
    ]
  })
  const more = warnings.length - NAMED_MAX
  return more > 0 ? [...warnings.slice(0, NAMED_MAX), `and ${more} open transactions more`] : warnings
}
