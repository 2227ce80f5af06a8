import type { CheckpointDuration, Observer } from '../events/run-event.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { ArtifactRecord, Commit, RunOutcome, TopicRecord } from '../format/commit.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { partitionName, type TopicDescription } from '../kafka/cluster.ts'
import { appendCommit, type CommitDraft } from '../repository/commit-log.ts'
import { assertCreatesOnce } from '../repository/exclusive-creation.ts'
import { writeSnapshotIfDue } from '../repository/open-backup.ts'
import type { Clock } from '../runtime/clock.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AwaitedPartitions } from './awaited-partitions.ts'
import type { BackupPlan } from './backup-plan.ts'
import type { BackupTally } from './backup-report.ts'
import { recoveryPoint } from './measure-lag.ts'
import type { PartitionWriter } from './partition-writer.ts'

/** What the commits of one run are made of. */
export interface RunCommitsOptions {
  readonly plan: BackupPlan
  readonly state: BackupState
  readonly storage: StorageBackend
  readonly bootstrapServers: readonly string[]
  readonly program: string
  readonly runId: string
  readonly writerId: string
  readonly isContinuous: boolean
  readonly packedPartsMin: number | undefined
  readonly clock: Clock
  readonly observe: Observer
  readonly tally: BackupTally
  /** Those of the run, whichever they are at the time. */
  readonly writers: readonly PartitionWriter[]
  /** The same of what it cannot read yet. */
  readonly awaited: AwaitedPartitions
}

interface CommitOptions {
  readonly signal?: AbortSignal
  /** Also when the run goes on and there is nothing to say. */
  readonly isNeeded?: boolean
  /** When it was decided on, monotonic milliseconds: data has become durable since. Absent: now. */
  readonly decidedAtMs?: number
}

/** When a commit was decided on, and when its data was durable. Monotonic milliseconds. */
interface CommitTimes {
  readonly decidedAtMs: number
  readonly durableAtMs: number
}

/** The commits of one run: what became durable since the last one, and what the run declares. */
export class RunCommits {
  readonly #options: RunCommitsOptions
  readonly #beganAtMs: number
  /** By name: a topic that has changed twice since the last commit is said once, as it is now. */
  readonly #changedTopics = new Map<string, TopicRecord>()
  readonly #begins: Commit['begins'][number][] = []
  readonly #bundles: SegmentRecord[] = []
  readonly #artifacts: ArtifactRecord[] = []
  #committing: Promise<void> = Promise.resolve()
  #hasCommitted = false

  constructor(options: RunCommitsOptions) {
    this.#options = options
    this.#beganAtMs = options.clock.nowMs()
    this.join(options.plan)
  }

  /** What joins the backup is said in the next commit. */
  join(plan: BackupPlan): void {
    for (const topic of plan.changedTopics) this.#changedTopics.set(topic.name, topic)
    const joining = plan.partitions.filter(({ isNew }) => isNew)
    const begins = joining.map(({ topic, partition, beginOffset: offset }) => ({ topic, partition, offset }))
    this.#begins.push(...begins)
  }

  /** A durable object with parts of several writers: belongs into the next commit. */
  addBundle(bundle: SegmentRecord): void {
    this.#bundles.push(bundle)
  }

  /** A durable document that belongs to the backup: named by the next commit, which is made for it where there is no other news. */
  addArtifact(artifact: ArtifactRecord): void {
    this.#artifacts.push(artifact)
  }

  /** The same for a topic that has another id now. */
  noteTopic({ name, topicId, partitions }: TopicDescription): void {
    const known = this.#changedTopics.get(name) ?? this.#options.state.topics.get(name)
    if (known?.topicId !== topicId)
      this.#changedTopics.set(name, { name, topicId, partitions: partitions.length })
  }

  /**
   * Says what the run has until now, before one of its partitions begins another history: that it begins, too, since a
   * partition has begun with the topic that it was read from.
   */
  commitBeginnings(): Promise<void> {
    return this.commit('running', { isNeeded: !this.#hasCommitted || this.#begins.length > 0 })
  }

  /**
   * One commit at a time: each follows the one before, and none a failed one, whose work is lost; but for the last word of a
   * failed run. A run that is under way makes none when there is nothing to say.
   */
  commit(outcome: RunOutcome, options: CommitOptions = {}): Promise<void> {
    const before = outcome === 'failed' ? this.#committing.catch(() => undefined) : this.#committing
    const durableAtMs = this.#options.clock.monotonicMs()
    const times = { decidedAtMs: options.decidedAtMs ?? durableAtMs, durableAtMs }
    const committing = before.then(() => this.#commitNow(outcome, options, times))
    this.#committing = committing
    return committing
  }

  async #commitNow(
    outcome: RunOutcome,
    { signal, isNeeded = false }: CommitOptions,
    times: CommitTimes,
  ): Promise<void> {
    const { state, storage, clock, isContinuous } = this.#options
    const writers = [...this.#options.writers]
    const work = writers.map((writer) => writer.takeDurable())
    const segments = [...work.flatMap((entry) => entry.segments), ...this.#bundles.splice(0)]
    const gaps = work.flatMap((entry) => entry.gaps)
    const divergences = work.flatMap((entry) => entry.divergences)
    const artifacts = [...work.flatMap((entry) => entry.artifacts), ...this.#artifacts.splice(0)]
    // A partition that joins a continuous run may wait for its first record for ever; that it joined counts.
    const joined = isContinuous ? this.#begins.length : 0
    const news = segments.length + gaps.length + divergences.length + artifacts.length + joined
    if (outcome === 'running' && news === 0 && !isNeeded) return settle(writers)
    // What a failed commit said is said by no later one: it would lack what became durable with it.
    const topics = [...this.#changedTopics.values()]
    this.#changedTopics.clear()
    const begins = this.#begins.splice(0)
    const said = { topics, begins, segments, gaps, divergences, artifacts }
    const draft: CommitDraft = { ...this.#identity(outcome, writers), ...said }
    const commit = await appendCommit(storage, state, draft, signal, () => writtenBy(this.#options.writers))
    const acknowledgedAtMs = clock.monotonicMs()
    settle(writers)
    this.#hasCommitted = true
    // A backup that had no commit before this one could not be asked with before the run.
    if (commit.number === 1n) await assertCreatesOnce(storage, state, clock)
    this.#tell(commit, {
      durationMs: acknowledgedAtMs - times.decidedAtMs,
      uploadMs: times.durableAtMs - times.decidedAtMs,
    })
    await writeSnapshotIfDue(storage, state)
    // A run may go on for years, and needs of most parts nothing any more.
    state.pack(this.#options.packedPartsMin)
  }

  #tell({ number, gaps, divergences }: Commit, took: CheckpointDuration): void {
    const { tally, observe } = this.#options
    tally.addCommit(took, { gaps, divergences })
    observe({ type: 'commit_created', number, ...took })
    for (const divergence of divergences) observe({ type: 'divergence_declared', ...divergence })
    for (const gap of gaps) observe({ type: 'gap_declared', ...gap })
  }

  #identity(outcome: RunOutcome, writers: readonly PartitionWriter[]) {
    const { plan, clock, isContinuous, awaited } = this.#options
    const reached = isContinuous
      ? (recoveryPoint({ writers, awaited }, ({ standing }) => standing.committingPointMs) ?? 0)
      : plan.targetAtMs
    return {
      backupId: plan.backupId,
      writer: this.#options.writerId,
      program: this.#options.program,
      createdAtMs: BigInt(clock.nowMs()),
      run: {
        id: this.#options.runId,
        beganAtMs: BigInt(this.#beganAtMs),
        targetAtMs: BigInt(reached),
        outcome,
        isolation: plan.isolation,
        unread: writers.flatMap(({ unread }) => unread ?? []),
        ...(isContinuous ? { isContinuous: true as const } : {}),
      },
      source: { clusterId: plan.clusterId, bootstrapServers: this.#options.bootstrapServers },
    }
  }
}

function settle(writers: readonly PartitionWriter[]): void {
  for (const { standing } of writers) standing.settle()
}

/** Partitions that the run extends, also those that have nothing durable yet: who else extends them is in conflict with it. */
function writtenBy(writers: readonly PartitionWriter[]): ReadonlySet<string> {
  const isExtended = ({ isDone, isRetired, intake, plan, hasGaps }: PartitionWriter): boolean =>
    !isDone ||
    isRetired ||
    hasGaps ||
    plan.isNew ||
    plan.divergence !== null ||
    intake.nextOffset !== plan.beginOffset
  return new Set(writers.filter(isExtended).map(({ plan }) => partitionName(plan)))
}
