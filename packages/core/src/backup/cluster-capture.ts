import { toKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer, UnreadSection } from '../events/run-event.ts'
import type { BackupState } from '../format/backup-state.ts'
import {
  CLUSTER_KIND,
  type ClusterDocument,
  type ClusterSections,
  clusterDigest,
  encodeCluster,
  isSectionUnread,
} from '../format/cluster-document.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { writeArtifact } from '../repository/artifacts.ts'
import { newestCluster } from '../repository/newest-cluster.ts'
import type { Clock } from '../runtime/clock.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { mergeCluster } from './merge-cluster.ts'
import type { RunCommits } from './run-commits.ts'
import { SideLook } from './side-look.ts'

/** What a run knows of its cluster beside topics and groups. */
export interface ClusterReport {
  readonly brokers: number
  /** Entries that are known, those included that are carried over. */
  readonly acls: number
  readonly quotas: number
  readonly scramUsers: number
  readonly unread: readonly UnreadSection[]
  /** Why nothing of it is in the backup; null: it is. */
  readonly failure: string | null
}

/** What a cluster is described with. */
export interface ClusterCaptureOptions {
  readonly cluster: Pick<Cluster, 'clusterFacts'>
  readonly state: BackupState
  readonly storage: StorageBackend
  /** Of the run. */
  readonly writerId: string
  readonly clock: Clock
  readonly observe: Observer
  readonly commits: Pick<RunCommits, 'addArtifact'>
  readonly signal: AbortSignal
}

const SECTIONS = ['features', 'acls', 'quotas', 'scramUsers'] as const satisfies (keyof ClusterSections)[]
const NOTHING_READ: ClusterReport = {
  ...{ brokers: 0, acls: 0, quotas: 0, scramUsers: 0, unread: [] },
  failure: 'it was not read in time',
}

/**
 * The description of a cluster beside the reading of records, which it neither delays nor fails: whatever goes wrong is told. One look is
 * under way at a time; what says nothing new is not written.
 */
export class ClusterCapture {
  readonly #options: ClusterCaptureOptions
  readonly #sideLook: SideLook
  #lookedAtMs = Number.NEGATIVE_INFINITY
  /** undefined: not asked for yet. */
  #newest: ClusterDocument | null | undefined
  #writtenNumber: bigint | null = null
  #report: ClusterReport = NOTHING_READ
  #told = ''

  constructor(options: ClusterCaptureOptions) {
    this.#options = options
    this.#sideLook = new SideLook(options.clock)
  }

  get report(): ClusterReport {
    return this.#report
  }

  /** Begins to look, unless a look is under way or was begun less than an hour ago. */
  beginIfDue(): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#sideLook.isUnderWay || nowMs - this.#lookedAtMs < LIMITS.clusterLookMs) return
    this.#lookedAtMs = nowMs
    this.#sideLook.begin(
      () => this.#look(),
      (error) => this.#note({ ...NOTHING_READ, failure: toKafkaBackupError(error).message }),
    )
  }

  /** Waits for the look that is under way, but not for ever. */
  settle(): Promise<void> {
    return this.#sideLook.settle()
  }

  async #look(): Promise<void> {
    const { state, storage, signal, clock, cluster } = this.#options
    const readAtMs = BigInt(Math.floor(clock.nowMs()))
    // Damage to what was written before is what `validate` tells; a run goes on without it.
    if (this.#newest === undefined)
      this.#newest = await newestCluster(storage, state, signal).catch(() => null)
    const merged = mergeCluster(this.#newest, await cluster.clusterFacts())
    const document = { backupId: state.backupId, writer: this.#options.writerId, readAtMs, ...merged }
    await this.#keep(document)
    this.#note(reportOf(document))
  }

  async #keep(document: ClusterDocument): Promise<void> {
    const { state, storage, commits, signal } = this.#options
    if (this.#newest && clusterDigest(this.#newest) === clusterDigest(document)) return
    // The one before waits for a commit yet; the next look writes what is new.
    if (this.#writtenNumber === state.nextNumber) return
    this.#writtenNumber = state.nextNumber
    const artifact = { kind: CLUSTER_KIND, writer: this.#options.writerId, bytes: encodeCluster(document) }
    commits.addArtifact(await writeArtifact(storage, state, artifact, signal))
    this.#newest = document
  }

  /** Once for each state of things, however often it is looked at. */
  #note(report: ClusterReport): void {
    this.#report = report
    const { unread, failure } = report
    const text = JSON.stringify({ unread, failure })
    // Who is stopped needs not be told that this was stopped, too.
    if (text === this.#told || this.#options.signal.aborted) return
    this.#told = text
    if (failure !== null || unread.length > 0)
      this.#options.observe({ type: 'cluster_unread', unread, failure })
  }
}

function reportOf(document: ClusterDocument): ClusterReport {
  const unread = SECTIONS.filter((name) => isSectionUnread(document[name]))
  return {
    brokers: document.brokers.length,
    acls: document.acls.entries?.length ?? 0,
    quotas: document.quotas.entries?.length ?? 0,
    scramUsers: document.scramUsers.entries?.length ?? 0,
    unread: unread.map((section) => ({ section, reason: document[section].unread ?? '' })),
    failure: null,
  }
}
