import type { BackupState } from '../format/backup-state.ts'
import type { RunOutcome } from '../format/commit.ts'
import type { Circuits } from './circuit-rows.ts'

/**
 * How a backup job stands, in the words of the database. `completed`: the run ended complete, and nothing else; `paused`: it waits
 * for the store, or a person stopped it.
 */
export type JobStatus = 'running' | 'paused' | 'failed' | 'completed'

/** The last offset (inclusive) that a commit has of a partition's newest history; one below its begin when there is none yet. */
export interface OffsetRow {
  readonly topic: string
  readonly partition: number
  readonly lastOffset: bigint
  /** When the commit was made that this is true as of. */
  readonly checkpointMs: bigint | null
}

/** A commit by its number and digest. */
export interface CommitMark {
  readonly number: bigint
  readonly sha256: string
}

/** The highest commit that this machine has seen of a backup, and when. */
export interface SeenCommit extends CommitMark {
  readonly seenAtMs: bigint
}

/** What a run says of itself. Times in milliseconds since the epoch, by the clock of the machine that it runs on. */
export interface JobRow {
  readonly backupId: string
  /** Location of the repository, without secrets: two repositories may each have a backup of this name. */
  readonly repository: string
  readonly clusterId: string | null
  readonly status: JobStatus
  /** Of the run: `running` until it ends. */
  readonly outcome: RunOutcome
  /** For people: why it is paused or has failed; empty: nothing to say. */
  readonly reason: string
  /** When the backup was created; null before its first commit. */
  readonly createdAtMs: bigint | null
  readonly runBeganAtMs: number
  /** Null before the first commit of the run. */
  readonly runId: string | null
  readonly lastHeartbeatMs: number
  /** When the newest commit was made. */
  readonly lastCheckpointMs: bigint | null
  /** The newest commit; null before the first. */
  readonly commit: CommitMark | null
  readonly heartbeatIntervalMs: number
  /** 0: no copies are made. */
  readonly syncIntervalMs: number
  readonly circuits: Circuits
  readonly host: string
  readonly processId: number
}

/** A job and what a commit has changed. */
export interface OffsetChange {
  readonly job: JobRow
  readonly offsets: readonly OffsetRow[]
}

/** What a database says of one backup. */
export interface OffsetState {
  readonly job: JobRow
  readonly offsets: readonly OffsetRow[]
  /** Only in the database of a machine. */
  readonly seen: SeenCommit | null
}

/** Follows a state from commit to commit, and tells which partitions have moved. */
export class OffsetTracker {
  readonly #state: BackupState
  readonly #lastOffsets = new Map<string, bigint>()

  constructor(state: BackupState) {
    this.#state = state
  }

  /** Rows that are new or have moved since the last call. */
  changes(): OffsetRow[] {
    const checkpointMs = this.#state.tip?.createdAtMs ?? null
    const rows: OffsetRow[] = []
    for (const { topic, partition, nextOffset } of this.#state.newestHistories()) {
      const name = `${topic}/${partition}`
      const lastOffset = nextOffset - 1n
      if (this.#lastOffsets.get(name) === lastOffset) continue
      this.#lastOffsets.set(name, lastOffset)
      rows.push({ topic, partition, lastOffset, checkpointMs })
    }
    return rows
  }
}
