import type { CheckpointDuration, RunLag, RunProgress } from '../events/run-event.ts'
import type { BackupState } from '../format/backup-state.ts'
import type {
  DivergenceRecord,
  GapRecord,
  IsolationLevel,
  RunOutcome,
  UnreadRecord,
} from '../format/commit.ts'
import type { Clock } from '../runtime/clock.ts'
import { LatencyHistogram, type LatencySummary } from '../runtime/latency-histogram.ts'
import type { BackupPlan } from './backup-plan.ts'
import type { ClusterReport } from './cluster-capture.ts'
import type { GroupsReport } from './groups-report.ts'
import type { PartitionWriter } from './partition-writer.ts'
import type { TopicSettingsReport } from './topic-settings.ts'

/** What one partition gained. `firstOffset` to `nextOffset` (exclusive) was read by this run. */
export interface PartitionResult {
  readonly topic: string
  readonly partition: number
  readonly lineage: number
  readonly firstOffset: bigint
  readonly nextOffset: bigint
  readonly targetOffset: bigint
}

/** What the commits of a run took, from when each was decided on until the store had acknowledged it. */
export interface CheckpointLatency {
  /** Everything: the two that follow, one after the other. */
  readonly whole: LatencySummary
  /** Until the data that was due was durable. */
  readonly upload: LatencySummary
  /** From then on, until the commit document was. */
  readonly commit: LatencySummary
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
  readonly checkpoints: CheckpointLatency
  readonly isolation: IsolationLevel
  /** Nothing but somebody's word kept a second run from writing to the same backup. */
  readonly isSingleWriterVouched: boolean
  readonly gaps: readonly GapRecord[]
  readonly divergences: readonly DivergenceRecord[]
  /** What the run wanted and did not get. */
  readonly unread: readonly UnreadRecord[]
  /** Of the topics' settings; null: they were not to be captured. */
  readonly topicSettings: TopicSettingsReport | null
  /** null: groups were not wanted. */
  readonly consumerGroups: GroupsReport | null
  /** null: the cluster was not to be described. */
  readonly clusterDescription: ClusterReport | null
  readonly partitions: readonly PartitionResult[]
}

/** Counts while a run goes on. */
export class BackupTally {
  readonly gaps: GapRecord[] = []
  readonly divergences: DivergenceRecord[] = []
  readonly #plan: BackupPlan
  readonly #clock: Clock
  readonly #beganMs: number
  readonly #whole = new LatencyHistogram()
  readonly #upload = new LatencyHistogram()
  readonly #commit = new LatencyHistogram()
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
    { durationMs, uploadMs }: CheckpointDuration,
    declared: { readonly gaps: readonly GapRecord[]; readonly divergences: readonly DivergenceRecord[] },
  ): void {
    this.#whole.add(durationMs)
    this.#upload.add(uploadMs)
    this.#commit.add(durationMs - uploadMs)
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
    readonly topicSettings: TopicSettingsReport | null
    readonly consumerGroups: GroupsReport | null
    readonly clusterDescription: ClusterReport | null
  }): BackupReport {
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
      checkpoints: {
        whole: this.#whole.summary,
        upload: this.#upload.summary,
        commit: this.#commit.summary,
      },
      isolation: this.#plan.isolation,
      isSingleWriterVouched: end.isSingleWriterVouched,
      gaps: this.gaps,
      divergences: this.divergences,
      unread: end.writers.flatMap(({ unread }) => unread ?? []),
      topicSettings: end.topicSettings,
      consumerGroups: end.consumerGroups,
      clusterDescription: end.clusterDescription,
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
