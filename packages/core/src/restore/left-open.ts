import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { OpenTransaction, TopicPartition } from '../kafka/cluster.ts'
import { type LedgerState, type RestoreLedger, readLedgers } from '../repository/restore-ledger.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { fenceRestore, type IdentityOptions } from './producer-identities.ts'
import { isTransactional } from './take-over.ts'

/** Who looks for transactions of other restores. */
export interface LeftOpenOptions extends IdentityOptions {
  readonly storage: StorageBackend
  readonly ledger: RestoreLedger
}

/** The restore that a transaction is of, by the producers that its ledger names; undefined: somebody else's. */
export function restoreOf(
  ledgers: readonly LedgerState[],
  clusterId: string,
  { producerId }: Pick<OpenTransaction, 'producerId'>,
): LedgerState | undefined {
  return ledgers.find(
    ({ opened, claims }) =>
      opened.clusterId === clusterId && claims.some((claim) => claim.producerId === producerId),
  )
}

/**
 * Aborts, as far as that can be done now, what other restores of the backup have open in these partitions: a restore that was killed leaves a transaction behind, and until
 * the brokers have had enough of it, readers of committed records see nothing behind it. A restore that is alive loses the transaction
 * that it is at, and writes it again.
 */
export async function abortLeftOpen(
  options: LeftOpenOptions,
  places: readonly TopicPartition[],
): Promise<void> {
  const open = places.length === 0 ? [] : await options.cluster.openTransactions(places).catch(noneIfLater)
  if (open.length > 0)
    await abortOf(options, (ledgers, id) => open.map((entry) => restoreOf(ledgers, id, entry)))
}

/** The same where the brokers do not tell what is open: whatever restore may have something there. */
export async function abortWhatMayBeOpen(
  options: LeftOpenOptions,
  places: readonly TopicPartition[],
): Promise<void> {
  const topics = new Set(places.map(({ topic }) => topic))
  await abortOf(options, (ledgers, clusterId) =>
    ledgers.filter(
      ({ opened, begun, finished }) =>
        opened.clusterId === clusterId &&
        finished === null &&
        isTransactional(opened.mode) &&
        begun?.topics.some(({ name }) => topics.has(name)),
    ),
  )
}

async function abortOf(
  options: LeftOpenOptions,
  choose: (ledgers: readonly LedgerState[], clusterId: string) => readonly (LedgerState | undefined)[],
): Promise<void> {
  const { storage, ledger, signal } = options
  const { opened, restoreId } = ledger.state
  // A ledger that cannot be read is nobody's.
  const ledgers = await readLedgers(storage, opened.backupId, signal).catch(() => [])
  for (const owner of new Set(choose(ledgers, opened.clusterId))) {
    if (owner === undefined || owner.restoreId === restoreId) continue
    await fenceRestore(options, owner).catch(noneIfLater)
  }
}

/** Whether records can be read is looked at when all are written: what cannot be aborted now, or not by this account, is waited for then. */
function noneIfLater(error: unknown): [] {
  if (isKafkaBackupError(error) && (error.retryable || error.code === 'KB_CLUSTER_PERMISSION')) return []
  throw error
}
