import { availableParallelism } from 'node:os'
import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { RunOutcome, TopicRecord } from '../format/commit.ts'
import type { FrameTransform } from '../format/frame-transform.ts'
import { renderManifest } from '../format/manifest.ts'
import type { OpenBrokerLink } from '../kafka/broker-connections.ts'
import { type Cluster, partitionName, type TopicDescription } from '../kafka/cluster.ts'
import type { ClusterSecurity } from '../kafka/security.ts'
import { appendCommit, assertExclusiveCommits, type CommitDraft } from '../repository/commit-log.ts'
import { assertCreatesOnce } from '../repository/exclusive-creation.ts'
import { manifestKey } from '../repository/key-layout.ts'
import { writeSnapshotIfDue } from '../repository/open-backup.ts'
import { Budget } from '../runtime/budget.ts'
import type { Clock } from '../runtime/clock.ts'
import { withinGrace } from '../runtime/grace.ts'
import { invariant } from '../runtime/invariant.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { Random } from '../runtime/random.ts'
import { settleAll } from '../runtime/settle-all.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { type BackupPlan, beginningOf } from './backup-plan.ts'
import { type BackupReport, BackupTally } from './backup-report.ts'
import { FRAME_MIN_BYTES } from './batch-intake.ts'
import { DigestThread } from './digest-thread.ts'
import { readPartitions } from './partition-reading.ts'
import { PartitionWriter, type WriterContext } from './partition-writer.ts'
import type { SourceChange } from './source-change.ts'

/** How a backup runs. Sizes in bytes, times in milliseconds. */
export interface BackupTuning {
  readonly segmentMaxBytes: number
  readonly segmentMaxIntervalMs: number
  readonly checkpointIntervalMs: number
  readonly fetchMaxBytes: number
  readonly fetchMaxWaitMs: number
  readonly connectionsPerBroker: number
  /** Empty: from the leaders. */
  readonly rackId: string
  readonly transactionWaitMs: number
  /** 0: never. */
  readonly deletionWarningMs: number
  /** false: every frame is stored as it is. */
  readonly isCompressing: boolean
  /** A frame is cut at the first response border at or after this; absent: by the number of partitions. */
  readonly frameMinBytes?: number
}

/** Everything a run works with. Aborting `signal` ends it early with what is durable committed. */
export interface BackupRunOptions {
  readonly plan: BackupPlan
  readonly state: BackupState
  readonly storage: StorageBackend
  readonly cluster: Cluster
  /** How brokers are read from; default: over sockets. */
  readonly openLink?: OpenBrokerLink
  readonly clientId: string
  readonly security?: ClusterSecurity
  readonly bootstrapServers: readonly string[]
  readonly program: string
  readonly transform: FrameTransform
  readonly tuning: BackupTuning
  readonly clock: Clock
  readonly random: Random
  readonly observe: Observer
  readonly signal: AbortSignal
}

// Rendering the manifest costs time in proportion to the whole backup; nothing depends on it being new.
const MANIFEST_INTERVAL_MS = 30_000
// libuv runs four threads; one frame more than cores keeps them busy while the loop writes.
const COMPRESSION_SLOTS = Math.min(4, availableParallelism() + 1)
const PENDING_BUDGET_BYTES = 64 * 1024 * 1024
const FRAME_FLOOR_BYTES = 4 * 1024

/**
 * Executes a plan: reads every partition up to its target, commits at every checkpoint what is durable by then, and once
 * more at the end, also when the run is interrupted or fails.
 * @throws KB_COMMIT_CONFLICT, KB_STORAGE_*, KB_CLUSTER_*, KB_BATCH_CORRUPT …; what was committed before stays
 */
export async function runBackup(options: BackupRunOptions): Promise<BackupReport> {
  assertExclusiveCommits(options.storage)
  await assertCreatesOnce(options.storage, options.state, options.clock, options.signal)
  const run = new BackupRun(options)
  return run.execute()
}

/** Partitions wait for a frame to fill; with many of them each waits for less, so that all together stay in bounds. */
function frameMinBytes(partitionCount: number): number {
  const share = Math.floor(PENDING_BUDGET_BYTES / Math.max(partitionCount, 1))
  return Math.min(FRAME_MIN_BYTES, Math.max(FRAME_FLOOR_BYTES, share))
}

interface CommitOptions {
  readonly signal?: AbortSignal
  /** Also when the run goes on and there is nothing to say. */
  readonly isNeeded?: boolean
}

class BackupRun {
  readonly #options: BackupRunOptions
  readonly #runId: string
  readonly #writerId: string
  readonly #beganAtMs: number
  readonly #writerContext: WriterContext
  readonly #writers: PartitionWriter[]
  readonly #tally: BackupTally
  readonly #digester = new DigestThread()
  readonly #changedTopics: TopicRecord[]
  #isFirstCommit = true
  #committing: Promise<void> = Promise.resolve()
  #manifestAtMs: number

  constructor(options: BackupRunOptions) {
    const { clock, random, plan } = options
    this.#options = options
    this.#runId = random.hex(16)
    this.#writerId = random.hex(4)
    this.#beganAtMs = clock.nowMs()
    this.#manifestAtMs = clock.monotonicMs()
    this.#tally = new BackupTally(plan, clock)
    this.#changedTopics = [...plan.changedTopics]
    this.#writerContext = this.#newWriterContext()
    this.#writers = plan.partitions.map((partition) => new PartitionWriter(this.#writerContext, partition))
  }

  async execute(): Promise<BackupReport> {
    try {
      await this.#readWithCheckpoints()
      this.#assertExplained()
      this.#assertAllowed()
      const outcome = this.#outcome()
      await settleAll(this.#writers.map((writer) => writer.checkpoint(true)))
      await this.#commit(outcome)
    } catch (error) {
      await this.#salvage(error)
      throw error
    } finally {
      await this.#digester.close()
    }
    await this.#renderManifest()
    return this.#report(this.#outcome())
  }

  /** Whatever the reading decided: no offset below a target may be passed over without a batch, a hole or a gap. */
  #assertExplained(): void {
    if (this.#options.signal.aborted) return
    for (const { plan, intake, isRetired, unread } of this.#writers) {
      const isRead = intake.isAtTarget && (plan.isCompacted || !intake.isShort)
      const isExplained = isRetired || unread !== null || isRead
      invariant(
        isExplained,
        `${plan.topic}/${plan.partition} ended at ${intake.nextOffset}, before ${plan.targetOffset}`,
      )
    }
  }

  /** Some topics that may not be read make a run incomplete; when none may, there was no run. */
  #assertAllowed(): void {
    const isDenied = ({ unread, intake, plan }: PartitionWriter): boolean =>
      unread?.reason === 'access_denied' && intake.nextOffset === plan.beginOffset
    const [first] = this.#writers
    if (!first || !this.#writers.every(isDenied)) return
    const topics = [...new Set(this.#writers.map(({ plan }) => plan.topic))]
    const more = topics.length > 1 ? ` and ${topics.length - 1} more topics` : ''
    throw new KafkaBackupError(
      'KB_CLUSTER_PERMISSION',
      `the account may not read topic ${first.plan.topic}${more}`,
      { context: { topic: first.plan.topic } },
    )
  }

  async #readWithCheckpoints(): Promise<void> {
    const { clock, random, tuning, signal, openLink } = this.#options
    const finished = new AbortController()
    const failed = new AbortController()
    const checkpoints = (async () => {
      for (;;) {
        await clock.sleep(tuning.checkpointIntervalMs, finished.signal)
        await this.#checkpoint()
      }
    })().catch((error) => {
      // Only the sleep may end so: a commit that fails while the reading ends has failed all the same.
      if (error === finished.signal.reason) return
      failed.abort(error)
      throw error
    })
    const reading = readPartitions(
      {
        cluster: this.#options.cluster,
        ...(openLink ? { openLink } : {}),
        clientId: this.#options.clientId,
        ...tuning,
        ...(this.#options.security ? { security: this.#options.security } : {}),
        isReadCommitted: this.#options.plan.isolation === 'read_committed',
        clock,
        random,
        signal: AbortSignal.any([signal, failed.signal]),
        observe: this.#options.observe,
        onProgress: () => this.#reportProgress(),
        onDiverged: (writer, change) => this.#beginLineage(writer, change),
      },
      this.#writers,
    ).finally(() => finished.abort())
    await settleAll([reading, checkpoints])
  }

  /** Ends the history that a writer reads, in a commit of its own, and begins the one that the source has now. */
  async #beginLineage(
    writer: PartitionWriter,
    { divergence, topic, extent }: Extract<SourceChange, { kind: 'diverged' }>,
  ): Promise<PartitionWriter> {
    await writer.retire()
    // A restore as of this commit has all of the old history and nothing of the new one. It is made for nothing but the begins
    // too: a partition has begun with the topic that it was read from.
    await this.#commit('running', { isNeeded: this.#isFirstCommit })
    this.#noteTopic(topic)
    const successor = new PartitionWriter(this.#writerContext, {
      ...writer.plan,
      ...beginningOf(divergence, extent),
      topicId: divergence.topicId,
      divergence,
      nextSequence: writer.nextSequence,
    })
    this.#writers.push(successor)
    return successor
  }

  #noteTopic({ name, topicId, partitions }: TopicDescription): void {
    const known =
      this.#changedTopics.findLast((record) => record.name === name) ?? this.#options.state.topics.get(name)
    if (known?.topicId !== topicId) this.#changedTopics.push({ name, topicId, partitions: partitions.length })
  }

  /** Commits what is due; segments that are younger than their interval stay open. */
  async #checkpoint(): Promise<void> {
    await settleAll(this.#writers.map((writer) => writer.checkpoint(false)))
    await this.#commit('running')
    if (this.#options.clock.monotonicMs() - this.#manifestAtMs > MANIFEST_INTERVAL_MS)
      await this.#renderManifest()
  }

  /** One commit at a time: each follows the one before, and none a failed one, whose work is lost; but for the last word of a failed run. */
  #commit(outcome: RunOutcome, options: CommitOptions = {}): Promise<void> {
    const before = outcome === 'failed' ? this.#committing.catch(() => undefined) : this.#committing
    const committing = before.then(() => this.#commitNow(outcome, options))
    this.#committing = committing
    return committing
  }

  async #commitNow(outcome: RunOutcome, { signal, isNeeded }: CommitOptions): Promise<void> {
    const { plan, state, storage, clock } = this.#options
    const work = this.#writers.map((writer) => writer.takeDurable())
    const segments = work.flatMap((entry) => entry.segments)
    const gaps = work.flatMap((entry) => entry.gaps)
    const divergences = work.flatMap((entry) => entry.divergences)
    const artifacts = work.flatMap((entry) => entry.artifacts)
    const isEmpty = segments.length + gaps.length + divergences.length === 0
    if (outcome === 'running' && isEmpty && !isNeeded) return
    const beganMs = clock.monotonicMs()
    const draft: CommitDraft = {
      backupId: plan.backupId,
      writer: this.#writerId,
      program: this.#options.program,
      createdAtMs: BigInt(clock.nowMs()),
      run: {
        id: this.#runId,
        beganAtMs: BigInt(this.#beganAtMs),
        targetAtMs: BigInt(plan.targetAtMs),
        outcome,
        isolation: plan.isolation,
        unread: this.#writers.flatMap(({ unread }) => unread ?? []),
      },
      source: { clusterId: plan.clusterId, bootstrapServers: this.#options.bootstrapServers },
      topics: this.#changedTopics.splice(0),
      begins: this.#isFirstCommit ? this.#begins() : [],
      segments,
      gaps,
      divergences,
      artifacts,
    }
    const commit = await appendCommit(storage, state, draft, signal, this.#writing())
    this.#isFirstCommit = false
    // A backup that had no commit before this one could not be asked with before the run.
    if (commit.number === 1n) await assertCreatesOnce(storage, state, clock)
    const durationMs = clock.monotonicMs() - beganMs
    this.#tally.addCommit(durationMs, { gaps, divergences })
    this.#options.observe({ type: 'commit_created', number: commit.number, durationMs })
    for (const divergence of divergences) {
      this.#options.observe({ type: 'divergence_declared', ...divergence })
    }
    for (const gap of gaps) this.#options.observe({ type: 'gap_declared', ...gap })
    await writeSnapshotIfDue(storage, state)
  }

  /** Partitions that this run extends, also those that have nothing durable yet: who else extends them is in conflict with it. */
  #writing(): ReadonlySet<string> {
    const isExtended = ({ isDone, intake, plan, hasGaps }: PartitionWriter): boolean =>
      !isDone || hasGaps || plan.isNew || plan.divergence !== null || intake.nextOffset !== plan.beginOffset
    return new Set(this.#writers.filter(isExtended).map(({ plan }) => partitionName(plan)))
  }

  #begins() {
    const joining = this.#options.plan.partitions.filter((partition) => partition.isNew)
    return joining.map(({ topic, partition, beginOffset: offset }) => ({ topic, partition, offset }))
  }

  #outcome(): RunOutcome {
    if (this.#options.signal.aborted && this.#writers.some((writer) => !writer.isDone)) return 'interrupted'
    const isWhole = this.#writers.every(
      ({ hasGaps, unread, plan }) => !hasGaps && unread === null && plan.divergence === null,
    )
    return isWhole ? 'complete' : 'incomplete'
  }

  /** After a failure: what is durable is worth a commit; what is not is discarded. The failure itself is thrown by the caller. */
  async #salvage(failure: unknown): Promise<void> {
    await Promise.allSettled(this.#writers.map((writer) => writer.abort()))
    // Who lost a race for a partition has nothing to say in the log any more.
    if (isKafkaBackupError(failure, 'KB_COMMIT_CONFLICT')) return
    try {
      // Who has waited for the store for minutes does not wait as long again.
      const isAway = isKafkaBackupError(failure, 'KB_STORAGE_UNAVAILABLE')
      const grace = { graceMs: LIMITS.cleanupGraceMs, reason: () => failure as Error }
      if (isAway)
        await withinGrace(this.#options.clock, grace, (signal) => this.#commit('failed', { signal }))
      else await this.#commit('failed')
      await this.#renderManifest()
    } catch {
      // The first failure is the one to tell; without this commit the next run reads the same offsets again.
    }
  }

  async #renderManifest(): Promise<void> {
    const { storage, state, clock } = this.#options
    await storage.replace(manifestKey(state.backupId), renderManifest(state))
    this.#manifestAtMs = clock.monotonicMs()
  }

  #reportProgress(): void {
    this.#options.observe({ type: 'progressed', progress: this.#tally.progress(this.#writers) })
  }

  #report(outcome: RunOutcome): BackupReport {
    return this.#tally.report({
      outcome,
      runId: this.#runId,
      state: this.#options.state,
      writers: this.#writers,
      isSingleWriterVouched: !this.#options.storage.capabilities.putIfAbsent,
    })
  }

  #newWriterContext(): WriterContext {
    const { storage, plan, clock, transform, tuning, observe } = this.#options
    return {
      storage,
      backupId: plan.backupId,
      writer: this.#writerId,
      clock,
      transform,
      isCompressing: tuning.isCompressing,
      compressionSlots: new Budget(COMPRESSION_SLOTS),
      digester: this.#digester,
      frameMinBytes: tuning.frameMinBytes ?? frameMinBytes(plan.partitions.length),
      segmentMaxBytes: tuning.segmentMaxBytes,
      segmentMaxIntervalMs: tuning.segmentMaxIntervalMs,
      onSegmentClosed: (segment: { key: string; bytes: number }) => {
        this.#tally.addSegment(segment.bytes)
        observe({ type: 'segment_closed', key: segment.key, bytes: segment.bytes })
      },
      onFrameWritten: (records: number, rawBytes: number, storedBytes: number) => {
        this.#tally.addFrame(records, rawBytes, storedBytes)
        this.#reportProgress()
      },
    }
  }
}
