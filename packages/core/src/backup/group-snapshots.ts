import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { RunOutcome } from '../format/commit.ts'
import { type GroupsDocument, groupsDigest } from '../format/groups-document.ts'
import { partitionName } from '../kafka/cluster.ts'
import { writeGroups } from '../repository/group-artifacts.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { type GroupsReport, reportOfGroups } from './groups-report.ts'
import type { PartitionWriter } from './partition-writer.ts'
import { type GroupReading, type GroupSource, groupsDocumentOf, isNews, readAgain } from './read-groups.ts'
import type { RunCommits } from './run-commits.ts'

/** Groups as they were before the plan of a run was made, and how often a run without an end reads them again. */
export interface GroupOptions {
  readonly reading: GroupReading
  readonly intervalMs: number
}

/** Where the groups of a run are written. */
export interface GroupSnapshotsOptions extends Omit<GroupSource, 'signal'> {
  readonly storage: StorageBackend
  readonly state: BackupState
  /** Of the run. */
  readonly writerId: string
  readonly observe: Observer
  readonly commits: Pick<RunCommits, 'addArtifact'>
}

/** A reading that says something new and waits for the records up to its offsets. */
interface PendingGroups {
  readonly document: GroupsDocument
  readonly readUntilMs: number
  /** By `topic/partition`: the largest offset that a group had committed. */
  readonly ends: ReadonlyMap<string, bigint>
}

/**
 * The groups of one run: at most two readings are in memory, whatever the run's length. A reading becomes part of the backup by a commit with which
 * everything below its offsets is stored. Nothing here fails a run.
 */
export class GroupSnapshots {
  readonly #options: GroupSnapshotsOptions
  readonly #intervalMs: number
  #known: GroupsDocument | null
  #knownDigest: string | null
  #pending: PendingGroups | null = null
  #report: GroupsReport
  #told = ''

  constructor(options: GroupSnapshotsOptions, { reading: first, intervalMs }: GroupOptions) {
    this.#options = options
    this.#intervalMs = intervalMs
    this.#known = first.before
    this.#knownDigest = first.before && groupsDigest(first.before)
    this.#report = reportOfGroups(first)
    this.#take(first)
  }

  /** Of the newest reading. */
  get report(): GroupsReport {
    return this.#report
  }

  /** Reads again and again, until the signal is aborted; not while a reading waits for its records. */
  async follow(signal: AbortSignal): Promise<void> {
    const { clock, cluster } = this.#options
    while (!signal.aborted) {
      try {
        await clock.sleep(this.#intervalMs, signal)
        if (!this.#pending) this.#take(await readAgain({ cluster, clock, signal }, this.#known))
      } catch (error) {
        if (!signal.aborted) throw error
      }
    }
  }

  /** Before a commit of a run that goes on: writes what waits if the commits before have everything up to there. */
  async writeIfCovered(writers: readonly PartitionWriter[]): Promise<void> {
    if (this.#pending && this.#isCovered(this.#pending, writers)) await this.#write(this.#pending)
  }

  /** Before the last commit: a run that was not broken off has everything up to its targets, which were taken later. */
  async writeAtEnd(outcome: RunOutcome): Promise<void> {
    if (this.#pending && outcome !== 'interrupted') await this.#write(this.#pending)
  }

  async #write({ document }: PendingGroups): Promise<void> {
    const { storage, state, commits } = this.#options
    this.#pending = null
    try {
      commits.addArtifact(await writeGroups(storage, state, document))
      this.#known = document
      this.#knownDigest = groupsDigest(document)
    } catch (error) {
      if (!isKafkaBackupError(error)) throw error
      this.#report = { ...this.#report, failure: error.message }
      this.#tell()
    }
  }

  #take(reading: GroupReading): void {
    this.#report = reportOfGroups(reading)
    this.#tell()
    if (!isNews(reading, this.#knownDigest)) return
    const { state, writerId } = this.#options
    const document = groupsDocumentOf(reading, state.backupId, writerId)
    this.#pending = { document, readUntilMs: reading.readUntilMs, ends: endsOf(document) }
  }

  /**
   * A partition holds nothing back when it has what the groups had read of it, when it had everything that was there at that time
   * (they may stand behind its end), or when nobody reads it any more.
   */
  #isCovered({ ends, readUntilMs }: PendingGroups, writers: readonly PartitionWriter[]): boolean {
    const { state } = this.#options
    return writers.every(({ plan, standing, isRetired, unread }) => {
      const end = ends.get(partitionName(plan))
      if (end === undefined || isRetired || unread !== null) return true
      if ((state.partition(plan.topic, plan.partition)?.nextOffset ?? -1n) >= end) return true
      return standing.recoveryPointMs !== null && standing.recoveryPointMs >= readUntilMs
    })
  }

  /** Once, until something else is wrong. */
  #tell(): void {
    const { failure, unread, silentBrokers } = this.#report
    // Messages name what failed last, which is another thing each time.
    const what = JSON.stringify([failure !== null, unread, silentBrokers])
    const isTold = what === this.#told
    this.#told = what
    if (isTold || (failure === null && unread.length + silentBrokers.length === 0)) return
    this.#options.observe({ type: 'groups_unread', failure, unread, silentBrokers })
  }
}

function endsOf({ groups }: GroupsDocument): Map<string, bigint> {
  const ends = new Map<string, bigint>()
  for (const entry of groups.flatMap(({ offsets }) => offsets)) {
    const name = partitionName(entry)
    if (entry.offset > (ends.get(name) ?? -1n)) ends.set(name, entry.offset)
  }
  return ends
}
