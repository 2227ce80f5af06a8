import type { RunLag, RunProgress } from '../events/run-event.ts'
import type { BackupState } from '../format/backup-state.ts'
import type {
  DivergenceRecord,
  GapRecord,
  IsolationLevel,
  RunOutcome,
  UnreadRecord,
} from '../format/commit.ts'
import type { Clock } from '../runtime/clock.ts'
import type { BackupPlan } from './backup-plan.ts'
import type { PartitionWriter } from './partition-writer.ts'

/** What one partition gained. `firstOffset` to `nextOffset` (exclusive) was read by this run. */
export interface PartitionResult {
  readonly topic: string
  readonly partition: number
  readonly lineage: number
  readonly firstOffset: bigint
  readonly nextOffset: bigint
  readonly targetOffset: bigint
}

/** What a backup run did. Times in milliseconds, sizes in bytes. */
export interface BackupReport {
  readonly backupId: string
  readonly runId: string
  readonly clusterId: string
  readonly outcome: RunOutcome
  readonly commit: bigint
  readonly records: number
  readonly rawBytes: number
  readonly storedBytes: number
  readonly segments: number
  readonly durationMs: number
  /** Moment of the snapshot target when the run is complete, or what a continuous one has reached: everything acknowledged before it is in the backup. */
  readonly recoveryPointMs: number | null
  /** How far a continuous run was behind when it ended; null for others. */
  readonly lag: RunLag | null
  readonly commits: number
  readonly checkpointP50Ms: number
  readonly checkpointP99Ms: number
  readonly isolation: IsolationLevel
  /** Nothing but somebody's word kept a second run from writing to the same backup. */
  readonly isSingleWriterVouched: boolean
  readonly gaps: readonly GapRecord[]
  readonly divergences: readonly DivergenceRecord[]
  /** What the run wanted and did not get. */
  readonly unread: readonly UnreadRecord[]
  readonly partitions: readonly PartitionResult[]
}

// A run may go on for years; what its newest commits took is what counts.
const DURATIONS_MAX = 10_000

/** Counts while a run goes on. */
export class BackupTally {
  readonly gaps: GapRecord[] = []
  readonly divergences: DivergenceRecord[] = []
  readonly #plan: BackupPlan
  readonly #clock: Clock
  readonly #beganMs: number
  readonly #commitDurationsMs: number[] = []
  #records = 0
  #rawBytes = 0
  #storedBytes = 0
  #segments = 0
  #segmentBytes = 0

  constructor(plan: BackupPlan, clock: Clock) {
    this.#plan = plan
    this.#clock = clock
    this.#beganMs = clock.monotonicMs()
  }

  addFrame(records: number, rawBytes: number, storedBytes: number): void {
    this.#records += records
    this.#rawBytes += rawBytes
    this.#storedBytes += storedBytes
  }

  addSegment(bytes: number): void {
    this.#segments++
    this.#segmentBytes += bytes
  }

  addCommit(
    durationMs: number,
    declared: { readonly gaps: readonly GapRecord[]; readonly divergences: readonly DivergenceRecord[] },
  ): void {
    this.#commitDurationsMs.push(durationMs)
    if (this.#commitDurationsMs.length > DURATIONS_MAX) this.#commitDurationsMs.shift()
    this.gaps.push(...declared.gaps)
    this.divergences.push(...declared.divergences)
  }

  progress(writers: readonly PartitionWriter[]): RunProgress {
    let doneOffsets = 0
    let totalOffsets = 0
    for (const { plan, intake, isDone, isRetired, targetOffset } of writers) {
      const next = isDone && !isRetired ? targetOffset : intake.nextOffset
      doneOffsets += Number(next - plan.beginOffset)
      totalOffsets += Number((isRetired ? next : targetOffset) - plan.beginOffset)
    }
    return {
      records: this.#records,
      rawBytes: this.#rawBytes,
      storedBytes: this.#storedBytes,
      doneOffsets,
      totalOffsets,
    }
  }

  report(end: {
    readonly outcome: RunOutcome
    readonly runId: string
    readonly state: BackupState
    readonly writers: readonly PartitionWriter[]
    readonly isSingleWriterVouched: boolean
    readonly lag: RunLag | null
  }): BackupReport {
    const sorted = this.#commitDurationsMs.toSorted((a, b) => a - b)
    return {
      backupId: this.#plan.backupId,
      runId: end.runId,
      clusterId: this.#plan.clusterId,
      outcome: end.outcome,
      commit: end.state.tip?.number ?? 0n,
      records: this.#records,
      rawBytes: this.#rawBytes,
      storedBytes: this.#segmentBytes,
      segments: this.#segments,
      durationMs: this.#clock.monotonicMs() - this.#beganMs,
      recoveryPointMs:
        end.lag?.recoveryPointMs ?? (end.outcome === 'complete' ? this.#plan.targetAtMs : null),
      lag: end.lag,
      commits: sorted.length,
      checkpointP50Ms: quantile(sorted, 0.5),
      checkpointP99Ms: quantile(sorted, 0.99),
      isolation: this.#plan.isolation,
      isSingleWriterVouched: end.isSingleWriterVouched,
      gaps: this.gaps,
      divergences: this.divergences,
      unread: end.writers.flatMap(({ unread }) => unread ?? []),
      partitions: end.writers.map(({ plan, intake, targetOffset }) => ({
        topic: plan.topic,
        partition: plan.partition,
        lineage: plan.lineage,
        firstOffset: plan.beginOffset,
        nextOffset: intake.nextOffset,
        targetOffset,
      })),
    }
  }
}

/** Nearest-rank quantile of ascending values; 0 when there are none. */
function quantile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * fraction) - 1)] ?? 0
}
