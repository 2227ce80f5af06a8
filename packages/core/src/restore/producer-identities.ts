import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { negotiateVersion } from '../kafka/api-versions.ts'
import { openBrokerLink } from '../kafka/broker-connections.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { INIT_PRODUCER_ID, initProducerId } from '../kafka/producer-id-api.ts'
import type { ClusterSecurity } from '../kafka/security.ts'
import { TransactionCoordinator } from '../kafka/transaction-coordinator.ts'
import type { LedgerState } from '../repository/restore-ledger.ts'
import type { Clock } from '../runtime/clock.ts'
import { retry } from '../runtime/retry.ts'
import { EmptyTransactions, type GapMethod, type GapWriter, MarkerWriter } from './gap-writer.ts'
import { type Identities, isTransactional } from './take-over.ts'

/** The coordinator aborts what is open for longer; a transaction is committed every ten seconds. */
const TRANSACTION_TIMEOUT_MS = 60_000
/** Where brokers allow less, in milliseconds: time for one, and for its end. */
export const TRANSACTION_TIMEOUT_MIN_MS = 15_000
/** Nothing is begun with a producer that is only taken away. */
const FENCE_TIMEOUT_MIN_MS = 1
/** InitProducerId answers with transient errors for the first moments of a cluster. */
const TRANSIENT_RETRY = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 30_000 }

/** How the cluster is reached. */
export interface IdentityOptions {
  readonly cluster: Cluster
  readonly clientId: string
  readonly security?: ClusterSecurity
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A restore, by what its transactional id and its producers follow from. */
export type RestoreIdentity = Pick<LedgerState, 'opened' | 'restoreId'>

/** `kafka-backup-restore-daily-5f2c9d0a1b3e4f67-0001`: the same for every process that writes this restore. */
export function transactionalIdOf(backupId: string, restoreId: string): string {
  return `kafka-backup-restore-${backupId}-${restoreId}`
}

/** Where a restore gets its producer ids, by the mode that its ledger was begun with. */
export function producerIdentities(options: IdentityOptions, ledger: LedgerState): Identities {
  const { opened, restoreId } = ledger
  if (!isTransactional(opened.mode)) {
    return { coordinator: null, transactionalId: null, newProducerId: () => newProducerId(options) }
  }
  return {
    transactionalId: transactionalIdOf(opened.backupId, restoreId),
    coordinator: coordinatorOf(options, ledger),
    newProducerId: () => newProducerId(options),
  }
}

/** What takes the offsets that no record has, by the preflight; null: none has to be taken. */
export function gapWriterOf(
  options: IdentityOptions,
  ledger: LedgerState,
  offsets: { readonly method: GapMethod } | null,
): GapWriter | null {
  if (offsets === null) return null
  if (offsets.method === 'markers') return new MarkerWriter(options.cluster, ledger.restoreId)
  return new EmptyTransactions(coordinatorOf(options, ledger))
}

function coordinatorOf(
  options: IdentityOptions,
  { opened, restoreId }: RestoreIdentity,
  transactionTimeoutMinMs = TRANSACTION_TIMEOUT_MIN_MS,
): TransactionCoordinator {
  return new TransactionCoordinator({
    ...options,
    transactionalId: transactionalIdOf(opened.backupId, restoreId),
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    transactionTimeoutMinMs,
  })
}

function isKeepingOffsets({ opened: { request } }: RestoreIdentity): boolean {
  return (
    typeof request === 'object' &&
    request !== null &&
    'keep_offsets' in request &&
    request.keep_offsets === true
  )
}

function newProducerId({ cluster, clientId, security, clock, signal }: IdentityOptions) {
  return retry(
    async () => {
      const { brokers } = await cluster.describe([])
      const [address] = brokers.values()
      const link = await openBrokerLink(address, { clientId, security, signal })
      try {
        const version = negotiateVersion(link.versions, INIT_PRODUCER_ID, link.connection.broker)
        return await initProducerId(link.connection, version)
      } finally {
        link.connection.close()
      }
    },
    { policy: TRANSIENT_RETRY, clock, signal },
  )
}

/**
 * Whether the brokers take transactions of a restore that is about to be begun. Nothing of it may be in use yet.
 * @throws KB_BROKER_UNSUPPORTED when they allow only shorter ones, KB_CLUSTER_PERMISSION
 */
export async function proveTransactions(options: IdentityOptions, restore: RestoreIdentity): Promise<void> {
  const coordinator = coordinatorOf(options, restore)
  try {
    await coordinator.init(null, options.signal)
  } catch (error) {
    if (!isKafkaBackupError(error)) throw error
    const { code, message, hint, context } = error
    throw new KafkaBackupError(code, `${message}; nothing was written`, { hint, context, cause: error })
  } finally {
    coordinator.close()
  }
}

/** Takes the producer of a restore away from whoever may still have it, and ends the empty transactions of one that keeps offsets. */
export async function fenceRestore(options: IdentityOptions, ledger: RestoreIdentity): Promise<void> {
  const isKeeping = isKeepingOffsets(ledger)
  if (!isTransactional(ledger.opened.mode) && !isKeeping) return
  const coordinator = coordinatorOf(options, ledger, FENCE_TIMEOUT_MIN_MS)
  try {
    await coordinator.init(null, options.signal)
  } catch (error) {
    // Whoever may not use the transactional id left nothing open with it.
    if (!isKeeping || !isKafkaBackupError(error, 'KB_CLUSTER_PERMISSION')) throw error
  } finally {
    coordinator.close()
  }
}
