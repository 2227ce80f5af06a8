import type { Cluster } from '../../kafka/cluster.ts'
import { TRANSACTION_TIMEOUT_MIN_MS } from '../producer-identities.ts'
import type { RestorePlan } from '../restore-plan.ts'
import { isTransactional } from '../take-over.ts'
import { type Refusal, unsuitable } from './refusal.ts'
import type { TargetPlan } from './target-plan.ts'

const LONGEST = 'transaction.max.timeout.ms'

/** For records, or for offsets that no record has. */
export function usesTransactions({ mode, offsets }: Pick<TargetPlan, 'mode' | 'offsets'>): boolean {
  return isTransactional(mode) || offsets?.method === 'transactions'
}

/** Any broker may have to coordinate: those that allow only shorter ones are in the way, those that do not tell are not. */
export async function refuseShortTransactions(cluster: Cluster, { topics }: RestorePlan): Promise<Refusal[]> {
  const [first] = topics
  if (!first) return []
  const strict = [...(await cluster.brokerSetting(LONGEST))].filter(
    ([, longestMs]) => Number(longestMs) < TRANSACTION_TIMEOUT_MIN_MS,
  )
  return strict.map(([broker, longestMs]) =>
    unsuitable(
      first,
      `is to be written in transactions, and broker ${broker} allows no transaction of ${TRANSACTION_TIMEOUT_MIN_MS} ms: ${LONGEST}=${longestMs}`,
      `Raise ${LONGEST} of the brokers to ${TRANSACTION_TIMEOUT_MIN_MS} or more, or restore with --mode idempotent, and without --resume if it was begun with transactions.`,
      'KB_BROKER_UNSUPPORTED',
    ),
  )
}
