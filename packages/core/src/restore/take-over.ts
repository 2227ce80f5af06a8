import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { RestoreMode } from '../format/restore-ledger.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import type { PartitionReaderOptions } from '../kafka/partition-reader.ts'
import type { ProducerIdentity } from '../kafka/producer-id-api.ts'
import type { TransactionCoordinator } from '../kafka/transaction-coordinator.ts'
import type { RestoreLedger } from '../repository/restore-ledger.ts'
import type { Clock } from '../runtime/clock.ts'
import type { GapWriter } from './gap-writer.ts'
import { waitForStableEnds } from './stable-end.ts'
import { readTails, type TargetEnd } from './target-tails.ts'

/** What an attempt may do: write as this producer, from these positions on. */
export interface Claim {
  readonly identity: ProducerIdentity
  /** By `topic/partition`. */
  readonly ends: ReadonlyMap<string, TargetEnd>
  basePosition(place: string): bigint
}

/** Whoever gives producer ids. */
export interface Identities {
  /** null: the restore writes without transactions. */
  readonly coordinator: TransactionCoordinator | null
  /** Of the coordinator. */
  readonly transactionalId: string | null
  /** A new id without transactions. */
  newProducerId(): Promise<ProducerIdentity>
}

/** What taking over works with. */
export interface TakeOverOptions extends PartitionReaderOptions {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly ledger: RestoreLedger
  readonly identities: Identities
  /** False: others may write to the target too. */
  readonly isExclusive: boolean
  /** null: records get what offsets come. */
  readonly gapWriter: GapWriter | null
}

/**
 * Takes a restore over, from another process or from a failed attempt of this one, as docs/decisions/0006 has it. `own` is the
 * identity of the failed attempt.
 * @throws KB_PRODUCER_FENCED and KB_RESTORE_CONFLICT when another process has it, KB_TARGET_CHANGED when the target is not as
 * this restore left it
 */
export async function takeOver(options: TakeOverOptions, own: ProducerIdentity | null): Promise<Claim> {
  const { ledger, identities, gapWriter, signal } = options
  await gapWriter?.settle(signal)
  const identity = identities.coordinator
    ? await initialise(identities.coordinator, own, signal)
    : await settleIdempotent(options)
  const ends = await readTails(options, ledger.state, gapWriter !== null)
  if (options.isExclusive) assertNothingForeign(ends)
  const basePosition = (name: string) => (identities.coordinator ? (ends.get(name)?.position ?? 0n) : 0n)
  const partitions = [...ends.values()].map(({ place }) => ({
    ...place,
    basePosition: basePosition(partitionName(place)),
  }))
  await ledger.append({ type: 'claimed', ...identity, partitions }, options.signal)
  return { identity, ends, basePosition }
}

/** Which mode a ledger was begun with decides; a restore does not change it. */
export function isTransactional(mode: RestoreMode): boolean {
  return mode === 'transactions'
}

/** Fences whoever used the transactional id before, and aborts what is open. @throws KB_PRODUCER_FENCED */
export async function initialise(
  coordinator: TransactionCoordinator,
  own: ProducerIdentity | null,
  signal: AbortSignal,
): Promise<ProducerIdentity> {
  try {
    return await coordinator.init(own, signal)
  } catch (error) {
    // Before Kafka 2.5 the own identity cannot be given; the claim in the ledger still decides between two processes.
    if (own !== null && isKafkaBackupError(error, 'KB_BROKER_UNSUPPORTED'))
      return coordinator.init(null, signal)
    throw error
  }
}

/** The same producer for all attempts, so that brokers that remember it refuse what comes late. */
async function settleIdempotent({
  ledger,
  identities,
  cluster,
  clock,
  signal,
}: TakeOverOptions): Promise<ProducerIdentity> {
  const last = ledger.state.claims.at(-1)
  if (!last) return identities.newProducerId()
  await waitForStableEnds(cluster, ledger.state.begun?.partitions ?? [], { clock, signal })
  return { producerId: last.producerId, producerEpoch: last.producerEpoch }
}

function assertNothingForeign(ends: ReadonlyMap<string, TargetEnd>): void {
  for (const { place, foreignOffset } of ends.values()) {
    if (foreignOffset === null) continue
    throw new KafkaBackupError(
      'KB_TARGET_CHANGED',
      `${partitionName(place)} holds a record at offset ${foreignOffset} that this restore did not write: something else writes to this topic`,
      { context: { ...place, offset: foreignOffset.toString() } },
    )
  }
}
