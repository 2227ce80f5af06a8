import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Clock } from '../runtime/clock.ts'
import { type RetryPolicy, retry } from '../runtime/retry.ts'
import { type BrokerLink, openBrokerLink } from './broker-connections.ts'
import type { Cluster, TopicPartition } from './cluster.ts'
import { byTopic } from './cluster-leaders.ts'
import { brokerError } from './kafka-error.ts'
import { askBroker, type LibraryApi } from './library-request.ts'
import type { ProducerIdentity } from './producer-id-api.ts'
import type { ClusterSecurity } from './security.ts'
import {
  ADD_PARTITIONS,
  END_TRANSACTION,
  FIND_COORDINATOR,
  INIT_TRANSACTIONS,
} from './transaction-requests.ts'

/** How the cluster is reached, and whose transactions these are. */
export interface CoordinatorOptions {
  readonly cluster: Cluster
  readonly clientId: string
  /** Absent: plain connections without an account. */
  readonly security?: ClusterSecurity
  readonly clock: Clock
  readonly transactionalId: string
  /** The coordinator aborts what is open for longer. Less where its `transaction.max.timeout.ms` wants so. Milliseconds. */
  readonly transactionTimeoutMs: number
  /** With less than that nothing is begun; absent: with less than what is asked for. Milliseconds. */
  readonly transactionTimeoutMinMs?: number
}

const TRANSACTIONAL_ID = 1
const NO_IDENTITY: ProducerIdentity = { producerId: -1n, producerEpoch: -1 }
const FIRST_WITH_IDENTITY = 3
const INVALID_TRANSACTION_TIMEOUT = 50
const AUTHORIZATION_FAILED = 53
/** A coordinator may move, load its log, or be ending the transaction before: all of that passes. */
const RETRY: RetryPolicy = { firstDelayMs: 20, maxDelayMs: 500, giveUpAfterMs: 60_000 }

/**
 * The transactions of one transactional id (KIP-98). Finds the coordinator, follows it, and asks again what was not answered: every
 * request here may be repeated.
 */
export class TransactionCoordinator {
  readonly #options: CoordinatorOptions
  #timeoutMs: number
  #link: Promise<BrokerLink> | undefined

  constructor(options: CoordinatorOptions) {
    this.#options = options
    this.#timeoutMs = options.transactionTimeoutMs
  }

  /**
   * Takes over: aborts what was open and fences every older incarnation; their requests get KB_PRODUCER_FENCED. With `own`,
   * raises the epoch only if this incarnation is still in charge. Resolves when the markers of the old transaction are written.
   * @throws KB_PRODUCER_FENCED, KB_CLUSTER_PERMISSION, KB_BROKER_UNSUPPORTED when `own` is given and the broker is older than 2.5, or
   * when brokers allow transactions only that are too short
   */
  async init(own: ProducerIdentity | null, signal: AbortSignal): Promise<ProducerIdentity> {
    const { transactionalId, transactionTimeoutMs, transactionTimeoutMinMs } = this.#options
    const leastMs = transactionTimeoutMinMs ?? transactionTimeoutMs
    return this.#ask('InitProducerId', signal, async (link) => {
      if (own !== null) assertTakesIdentity(link)
      const { producerId, producerEpoch } = own ?? NO_IDENTITY
      const ask = () => {
        const question = [transactionalId, this.#timeoutMs, producerId, producerEpoch] as const
        return askBroker(link, INIT_TRANSACTIONS, [...question])
      }
      let answer = await ask()
      while (answer.errorCode === INVALID_TRANSACTION_TIMEOUT) {
        if (this.#timeoutMs / 2 < leastMs) throw tooShort(link, leastMs)
        this.#timeoutMs /= 2
        answer = await ask()
      }
      assertDone(answer.errorCode, 'InitProducerId')
      return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
    })
  }

  /** Makes partitions part of the open transaction, or begins one with them. @throws KB_PRODUCER_FENCED, KB_TRANSACTION_LOST */
  async addPartitions(
    identity: ProducerIdentity,
    partitions: readonly TopicPartition[],
    signal: AbortSignal,
  ): Promise<void> {
    const { transactionalId } = this.#options
    const topics = byTopic(partitions).map(([name, entries]) => {
      return { name, partitions: entries.map(({ partition }) => partition) }
    })
    const transaction = { transactionalId, ...identity, verifyOnly: false, topics }
    await this.#ask('AddPartitionsToTxn', signal, async (link) => {
      const answer = await askBroker(link, ADD_PARTITIONS, [[transaction]])
      for (const { topicResults } of answer.resultsByTransaction) {
        for (const { name, resultsByPartition } of topicResults) {
          // The error of one partition is told for all; the others then say that nothing was attempted.
          const refused = resultsByPartition.filter((entry) => entry.partitionErrorCode !== 0)
          const first =
            refused.find((entry) => entry.partitionErrorCode !== OPERATION_NOT_ATTEMPTED) ?? refused[0]
          if (first)
            assertDone(first.partitionErrorCode, `adding ${name}/${first.partitionIndex} to a transaction`)
        }
      }
    })
  }

  /**
   * Ends the transaction. A lost answer is asked for again: the coordinator says yes once more to the same outcome.
   * @throws KB_PRODUCER_FENCED, KB_TRANSACTION_LOST
   */
  async end(identity: ProducerIdentity, isCommit: boolean, signal: AbortSignal): Promise<void> {
    const { transactionalId } = this.#options
    const { producerId, producerEpoch } = identity
    await this.#ask('EndTxn', signal, async (link) => {
      const answer = await askBroker(link, END_TRANSACTION, [
        transactionalId,
        producerId,
        producerEpoch,
        isCommit,
      ])
      assertDone(answer.errorCode, 'EndTxn')
    })
  }

  close(): void {
    this.#forget()
  }

  #forget(): void {
    const link = this.#link
    this.#link = undefined
    link?.then(({ connection }) => connection.close()).catch(() => undefined)
  }

  async #ask<T>(doing: string, signal: AbortSignal, ask: (link: BrokerLink) => Promise<T>): Promise<T> {
    const answer = await retry(
      async () => {
        signal.throwIfAborted()
        try {
          this.#link ??= this.#connect(doing, signal)
          return { given: await ask(await this.#link) }
        } catch (error) {
          // It passes with another transaction, not with the same question.
          if (isKafkaBackupError(error, 'KB_TRANSACTION_LOST')) return { lost: error }
          // Another transaction being ended is no reason to look for another coordinator; everything else may be.
          const isBusy = isKafkaBackupError(error) && error.context.kafkaError === 'CONCURRENT_TRANSACTIONS'
          if (!isBusy) this.#forget()
          throw error
        }
      },
      { policy: RETRY, clock: this.#options.clock, signal },
    )
    if ('lost' in answer) throw answer.lost
    return answer.given
  }

  async #connect(doing: string, signal: AbortSignal): Promise<BrokerLink> {
    const { cluster, clientId, security, transactionalId } = this.#options
    const address = await findCoordinator(
      { cluster, clientId, ...(security ? { security } : {}) },
      transactionalId,
      signal,
    )
    if (address === null) throw brokerError(AUTHORIZATION_FAILED, doing)
    return openBrokerLink(address, { clientId, security, signal })
  }
}

const OPERATION_NOT_ATTEMPTED = 55

/**
 * Whether this account may use the transactional id on this cluster; changes nothing. Who may only see the id is told its coordinator too:
 * that one is asked to end a transaction that there is not, which it refuses to strangers before it looks for it.
 */
export async function mayUseTransactions(
  options: Omit<CoordinatorOptions, 'transactionTimeoutMs' | 'transactionTimeoutMinMs'>,
  signal: AbortSignal,
): Promise<boolean> {
  const { transactionalId, clock } = options
  const ask = async (): Promise<boolean> => {
    const address = await findCoordinator(options, transactionalId, signal)
    return address !== null && (await mayWrite(address, options, signal))
  }
  try {
    return await retry(ask, { policy: { ...RETRY, giveUpAfterMs: 15_000 }, clock, signal })
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_BROKER_UNSUPPORTED')) return false
    throw error
  }
}

async function mayWrite(
  address: { readonly host: string; readonly port: number },
  {
    clientId,
    security,
    transactionalId,
  }: Pick<CoordinatorOptions, 'clientId' | 'security' | 'transactionalId'>,
  signal: AbortSignal,
): Promise<boolean> {
  const link = await openBrokerLink(address, { clientId, security, signal })
  try {
    const { errorCode } = await askBroker(link, END_TRANSACTION, [transactionalId, 0n, 0, false])
    return errorCode !== AUTHORIZATION_FAILED
  } finally {
    link.connection.close()
  }
}

/** null: the account may not use this transactional id. */
async function findCoordinator(
  { cluster, clientId, security }: Pick<CoordinatorOptions, 'cluster' | 'clientId' | 'security'>,
  transactionalId: string,
  signal: AbortSignal,
): Promise<{ readonly host: string; readonly port: number } | null> {
  const { brokers } = await cluster.describe([])
  let failure: unknown
  for (const address of brokers.values()) {
    try {
      const link = await openBrokerLink(address, { clientId, security, signal })
      try {
        return await askForCoordinator(link, transactionalId)
      } finally {
        link.connection.close()
      }
    } catch (error) {
      if (!isKafkaBackupError(error, 'KB_CLUSTER_UNREACHABLE')) throw error
      failure = error
    }
  }
  throw failure ?? new KafkaBackupError('KB_CLUSTER_UNREACHABLE', 'the cluster names no broker')
}

async function askForCoordinator(link: BrokerLink, transactionalId: string) {
  const { coordinators } = await askBroker(link, FIND_COORDINATOR, [TRANSACTIONAL_ID, [transactionalId]])
  const [found] = coordinators
  if (!found)
    throw new KafkaBackupError('KB_BROKER_ERROR', 'FindCoordinator: the answer names no coordinator')
  if (found.errorCode === AUTHORIZATION_FAILED) return null
  assertDone(found.errorCode, 'FindCoordinator')
  return { host: found.host, port: found.port }
}

function assertDone(errorCode: number, doing: string): void {
  if (errorCode !== 0) throw brokerError(errorCode, doing)
}

function tooShort({ connection }: BrokerLink, neededMs: number): KafkaBackupError {
  return new KafkaBackupError(
    'KB_BROKER_UNSUPPORTED',
    `broker ${connection.broker} allows no transaction of ${neededMs} ms`,
    {
      context: { broker: connection.broker },
      hint: `Raise transaction.max.timeout.ms of the brokers to ${neededMs} or more, or restore with --mode idempotent, and without --resume if it was begun with transactions.`,
    },
  )
}

/** Older brokers would take the request for one without an identity, and fence whoever is in charge. */
function assertTakesIdentity({ versions, connection }: BrokerLink): void {
  const { key, name } = INIT_TRANSACTIONS as LibraryApi<never, never>
  if ((versions.get(key)?.max ?? 0) >= FIRST_WITH_IDENTITY) return
  throw new KafkaBackupError(
    'KB_BROKER_UNSUPPORTED',
    `broker ${connection.broker} does not take a producer's own identity in ${name} (Kafka 2.5)`,
    { context: { broker: connection.broker } },
  )
}
