import type { Observer } from '../events/run-event.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { FrameTransform } from '../format/frame-transform.ts'
import type { OpenBrokerLink } from '../kafka/broker-connections.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { ClusterSecurity } from '../kafka/security.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { BackupPlan } from './backup-plan.ts'
import type { BackupTuning } from './backup-tuning.ts'
import type { TopicSelection } from './discover-partitions.ts'
import type { GroupOptions } from './group-snapshots.ts'
import type { MinimumFinder } from './minimum-finder.ts'

/** What a run without an end looks for, and how often. Times in milliseconds. */
export interface ContinuousOptions extends TopicSelection {
  readonly refreshIntervalMs: number
  /** Wall clock, before the plan asked for anything: a partition that is found later was not there then. */
  readonly lookedAtMs: number
}

/** Everything a run works with. Aborting `signal` ends it early with what is durable committed. */
export interface BackupRunOptions {
  readonly plan: BackupPlan
  readonly state: BackupState
  readonly storage: StorageBackend
  readonly cluster: Cluster
  /** How brokers are read from; default: over sockets. */
  readonly openLink?: OpenBrokerLink
  /** Who looks for smallest timestamps; default: a thread. Closed with the run. */
  readonly minima?: MinimumFinder
  readonly clientId: string
  readonly security?: ClusterSecurity
  readonly bootstrapServers: readonly string[]
  readonly program: string
  readonly transform: FrameTransform
  readonly tuning: BackupTuning
  /** Settings of topics: without `required`, a run is complete although some of them could not be read. Absent: they are let alone. */
  readonly topicSettings?: 'captured' | 'required' | undefined
  /** Whether brokers, features, ACLs, quotas and SCRAM users are stored with the run; absent: they are let alone. */
  readonly isDescribingCluster?: boolean
  /** Present: the run goes on until it is stopped; absent: to the targets of the plan. */
  readonly continuous?: ContinuousOptions
  /** Absent: the backup is without groups. */
  readonly groups?: GroupOptions
  readonly clock: Clock
  readonly random: Random
  readonly observe: Observer
  readonly signal: AbortSignal
}
