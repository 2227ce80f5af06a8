import type { Observer } from '../events/run-event.ts'
import type { OpenBrokerLink } from '../kafka/broker-connections.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { ResponseBuffers } from '../kafka/response-buffers.ts'
import type { ClusterSecurity } from '../kafka/security.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import type { RetryPolicy } from '../runtime/retry.ts'
import type { ClusterWaits } from './cluster-waits.ts'
import type { PartitionWriter } from './partition-writer.ts'
import type { ReadingWatch } from './reading-watch.ts'
import type { SourceChange } from './source-change.ts'
import type { TransactionWait } from './transaction-wait.ts'

/** How partitions are read. Sizes in bytes, times in milliseconds. */
export interface ReadingOptions {
  readonly cluster: Cluster
  /** Default: over sockets. */
  readonly openLink?: OpenBrokerLink
  readonly clientId: string
  readonly security?: ClusterSecurity
  readonly isReadCommitted: boolean
  /** Rack to read from, if a replica is there (KIP-392); empty: from the leaders. */
  readonly rackId: string
  readonly fetchMaxBytes: number
  readonly fetchMaxWaitMs: number
  readonly connectionsPerBroker: number
  readonly transactionWaitMs: number
  readonly deletionWarningMs: number
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  readonly observe: Observer
  /** Of several readings together; absent: of this one. */
  readonly waits?: ClusterWaits
  readonly onProgress: () => void
  /** The source has another history now: closes the writer and gives the one that reads it. */
  readonly onDiverged: (
    writer: PartitionWriter,
    change: Extract<SourceChange, { kind: 'diverged' }>,
  ) => Promise<PartitionWriter>
}

/** A partition that could not be read on from `offset`, how often that was found, and when first. */
export interface TroubleRecord {
  readonly offset: bigint
  readonly sinceMs: number
  readonly attempts: number
}

/** What all groups of a run share. Times are monotonic. */
export interface SharedReading extends ReadingOptions {
  readonly waits: ClusterWaits
  readonly buffers: ResponseBuffers
  readonly laneOf: (writer: PartitionWriter) => number
  readonly watch: ReadingWatch
  readonly transactions: TransactionWait
  /** Since when a partition could not be read on from an offset. */
  readonly troubles: Map<PartitionWriter, TroubleRecord>
  /** Brokers that leaders have named as nearer, until when they are asked; -1: nobody but the leader is. */
  readonly replicas: Map<PartitionWriter, { readonly broker: number; readonly untilMs: number }>
  /** Begins what nobody waits for but the reading as a whole; a failure of it ends that. */
  readonly begin: (task: () => Promise<void>) => void
  /** Begins to read a group of partitions until each is done. */
  readonly follow: (group: readonly PartitionWriter[]) => void
}

/** Broker number that stands for the leader, whoever that is. */
export const LEADER_ONLY = -1

/** How trouble with brokers is waited out. */
export const TROUBLE: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 2_000, giveUpAfterMs: 120_000 }
