import { availableParallelism } from 'node:os'
import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { RunLag } from '../events/run-event.ts'
import type { RunOutcome } from '../format/commit.ts'
import { renderManifest } from '../format/manifest.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { assertExclusiveCommits } from '../repository/commit-log.ts'
import { assertCreatesOnce } from '../repository/exclusive-creation.ts'
import { manifestKey } from '../repository/key-layout.ts'
import { Budget } from '../runtime/budget.ts'
import { withinGrace } from '../runtime/grace.ts'
import { invariant } from '../runtime/invariant.ts'
import { LIMITS } from '../runtime/limits.ts'
import { settleAll } from '../runtime/settle-all.ts'
import { SpareCores } from '../runtime/spare-cores.ts'
import { askedUntilAborted } from './asked-until-aborted.ts'
import { AwaitedPartitions } from './awaited-partitions.ts'
import { beginningOf } from './backup-plan.ts'
import { type BackupReport, BackupTally } from './backup-report.ts'
import type { BackupRunOptions } from './backup-run-options.ts'
import { FRAME_MIN_BYTES } from './batch-intake.ts'
import { BundleWriter } from './bundle-writer.ts'
import { ClusterCapture } from './cluster-capture.ts'
import { type ContinuousReadingOptions, readContinuously } from './continuous-reading.ts'
import { DigestThread } from './digest-thread.ts'
import type { TopicSelection } from './discover-partitions.ts'
import { GroupSnapshots } from './group-snapshots.ts'
import { joinPartitions } from './join-partitions.ts'
import { measureLag } from './measure-lag.ts'
import type { MinimumFinder } from './minimum-finder.ts'
import { MinimumThread } from './minimum-thread.ts'
import { readPartitions } from './partition-reading.ts'
import { PartitionWriter, type WriterContext } from './partition-writer.ts'
import { RunCommits } from './run-commits.ts'
import type { ReadingOptions } from './shared-reading.ts'
import type { SourceChange } from './source-change.ts'
import { TopicSettingsCapture } from './topic-settings.ts'

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

class BackupRun {
  readonly #options: BackupRunOptions
  readonly #runId: string
  readonly #writerId: string
  readonly #commits: RunCommits
  readonly #bundles: BundleWriter
  readonly #writerContext: WriterContext
  readonly #writers: PartitionWriter[] = []
  readonly #awaited = new AwaitedPartitions()
  readonly #handingOver = new Set<PartitionWriter>()
  readonly #tally: BackupTally
  readonly #groups: GroupSnapshots | null
  readonly #digester = new DigestThread()
  readonly #minima: MinimumFinder
  readonly #topicSettings: TopicSettingsCapture | null
  readonly #clusterCapture: ClusterCapture | null
  #manifestAtMs: number
  /** Aborted at the end of the run: what looks at the cluster beside it would go on asking and writing. */
  readonly #over = new AbortController()

  constructor(options: BackupRunOptions) {
    const { clock, random, plan } = options
    this.#options = options
    this.#minima = options.minima ?? new MinimumThread(new SpareCores(clock))
    this.#runId = random.hex(16)
    this.#writerId = random.hex(4)
    this.#manifestAtMs = clock.monotonicMs()
    this.#tally = new BackupTally(plan, clock)
    this.#writerContext = this.#newWriterContext()
    const writers = plan.partitions.map((partition) => new PartitionWriter(this.#writerContext, partition))
    this.#writers.push(...writers)
    this.#commits = new RunCommits({
      ...options,
      runId: this.#runId,
      writerId: this.#writerId,
      isContinuous: this.#isContinuous,
      packedPartsMin: options.tuning.packedPartsMin,
      tally: this.#tally,
      writers: this.#writers,
      awaited: this.#awaited,
    })
    const addBundle = (bundle: SegmentRecord) => this.#commits.addBundle(bundle)
    this.#bundles = new BundleWriter(this.#writerContext, options.state, addBundle)
    const { groups } = options
    const place = { ...options, writerId: this.#writerId, commits: this.#commits }
    const signal = AbortSignal.any([options.signal, this.#over.signal])
    const asked = { ...place, signal, cluster: askedUntilAborted(options.cluster, signal) }
    this.#topicSettings = options.topicSettings
      ? new TopicSettingsCapture({ ...asked, clusterId: plan.clusterId })
      : null
    this.#groups = groups ? new GroupSnapshots(place, groups) : null
    this.#clusterCapture = options.isDescribingCluster ? new ClusterCapture(asked) : null
  }

  async execute(): Promise<BackupReport> {
    try {
      return await this.#execute()
    } finally {
      this.#over.abort(new KafkaBackupError('KB_INTERRUPTED', 'the run has ended'))
    }
  }

  async #execute(): Promise<BackupReport> {
    try {
      this.#topicSettings?.begin([...new Set(this.#options.plan.partitions.map(({ topic }) => topic))])
      this.#clusterCapture?.beginIfDue()
      await this.#readWithCheckpoints()
      this.#assertExplained()
      this.#assertAllowed()
      if (this.#isInterrupted() && !this.#options.tuning.isCheckpointingOnStop) {
        await Promise.allSettled(this.#writers.map((writer) => writer.abort()))
        return this.#report('interrupted')
      }
      const decidedAtMs = this.#options.clock.monotonicMs()
      await this.#flush(true)
      await Promise.all([this.#topicSettings?.settle(), this.#clusterCapture?.settle()])
      const outcome = this.#outcome()
      await this.#groups?.writeAtEnd(outcome)
      await this.#commits.commit(outcome, { decidedAtMs })
    } catch (error) {
      await this.#salvage(error)
      throw error
    } finally {
      await Promise.all([this.#digester.close(), this.#minima.close()])
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
    const { clock, tuning, signal } = this.#options
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
    const options = this.#readingOptions(AbortSignal.any([signal, failed.signal]))
    const reading = this.#read(options).finally(() => finished.abort())
    // A run that ends has read them when it began.
    const groups = this.#isContinuous ? this.#groups?.follow(finished.signal) : undefined
    await settleAll([reading, checkpoints, groups ?? Promise.resolve()])
  }

  #readingOptions(signal: AbortSignal): ReadingOptions {
    const { cluster, openLink, clientId, tuning, security, plan, clock, random, observe } = this.#options
    return {
      cluster,
      ...(openLink ? { openLink } : {}),
      clientId,
      ...tuning,
      ...(security ? { security } : {}),
      // Who goes on for ever waits for every transaction.
      ...(this.#isContinuous ? { transactionWaitMs: Number.POSITIVE_INFINITY } : {}),
      isReadCommitted: plan.isolation === 'read_committed',
      clock,
      random,
      signal,
      observe,
      onProgress: () => this.#reportProgress(),
      onDiverged: (writer, change) => this.#beginLineage(writer, change),
    }
  }

  #read(options: ReadingOptions): Promise<void> {
    const { continuous } = this.#options
    if (!continuous) return readPartitions(options, this.#writers)
    let { lookedAtMs } = continuous
    const reading: ContinuousReadingOptions = {
      ...options,
      writers: () => this.#writers,
      refreshIntervalMs: continuous.refreshIntervalMs,
      refresh: async (signal) => {
        const beganAtMs = options.clock.nowMs()
        const hasJoined = await this.#refresh(continuous, lookedAtMs, signal)
        lookedAtMs = beganAtMs
        return hasJoined
      },
    }
    return readContinuously(reading)
  }

  #refresh(selection: TopicSelection, lookedAtMs: number, signal: AbortSignal): Promise<boolean> {
    this.#assertAllowed()
    this.#clusterCapture?.beginIfDue()
    return joinPartitions({
      ...this.#options,
      cluster: askedUntilAborted(this.#options.cluster, signal),
      isolation: this.#options.plan.isolation,
      selection,
      writers: this.#writers,
      awaited: this.#awaited,
      handingOver: this.#handingOver,
      writerContext: this.#writerContext,
      commits: this.#commits,
      lookedAtMs,
      onSurveyed: (survey) => this.#topicSettings?.refresh(survey),
    })
  }

  /** Ends the history that a writer reads, in a commit of its own, and begins the one that the source has now. */
  async #beginLineage(
    writer: PartitionWriter,
    { divergence, topic, extent }: Extract<SourceChange, { kind: 'diverged' }>,
  ): Promise<PartitionWriter> {
    this.#handingOver.add(writer)
    await writer.retire()
    // A restore as of this commit has all of the old history and nothing of the new one.
    await this.#commits.commitBeginnings()
    this.#commits.noteTopic(topic)
    const successor = new PartitionWriter(
      this.#writerContext,
      {
        ...writer.plan,
        ...beginningOf(divergence, extent),
        topicId: divergence.topicId,
        divergence,
        nextSequence: writer.nextSequence,
      },
      writer.standing.recoveryPointMs,
    )
    this.#writers.push(successor)
    this.#handingOver.delete(writer)
    return successor
  }

  /** A run that ends makes an object of each partition once; one that goes on makes a few of all of them each time. */
  #flush(isForced: boolean): Promise<void> {
    if (this.#isContinuous) return this.#bundles.checkpoint(this.#writers, isForced)
    return settleAll(this.#writers.map((writer) => writer.checkpoint(isForced)))
  }

  /** Commits what is due; segments that are younger than their interval stay open. */
  async #checkpoint(): Promise<void> {
    const decidedAtMs = this.#options.clock.monotonicMs()
    await this.#flush(false)
    // A run that ends names them with its last commit, which has what open transactions hold back now.
    if (this.#isContinuous) await this.#groups?.writeIfCovered(this.#writers)
    await this.#commits.commit('running', { decidedAtMs })
    if (this.#isContinuous) this.#options.observe({ type: 'lag_measured', lag: this.#lag() })
    if (this.#options.clock.monotonicMs() - this.#manifestAtMs > MANIFEST_INTERVAL_MS)
      await this.#renderManifest()
  }

  get #isContinuous(): boolean {
    return this.#options.continuous !== undefined
  }

  #lag(): RunLag {
    return measureLag({ writers: this.#writers, awaited: this.#awaited }, this.#options.clock.nowMs())
  }

  #isInterrupted(): boolean {
    if (!this.#options.signal.aborted) return false
    return this.#isContinuous || this.#writers.some((writer) => !writer.isDone)
  }

  #outcome(): RunOutcome {
    if (this.#isInterrupted()) return 'interrupted'
    if (this.#options.topicSettings === 'required' && !this.#topicSettings?.isWhole) return 'incomplete'
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
        await withinGrace(this.#options.clock, grace, (signal) => this.#commits.commit('failed', { signal }))
      else await this.#commits.commit('failed')
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
      lag: this.#isContinuous ? this.#lag() : null,
      topicSettings: this.#topicSettings?.report ?? null,
      consumerGroups: this.#groups?.report ?? null,
      clusterDescription: this.#clusterCapture?.report ?? null,
      isSingleWriterVouched: !this.#options.storage.capabilities.putIfAbsent,
    })
  }

  #newWriterContext(): WriterContext {
    const { storage, plan, clock, transform, tuning, observe } = this.#options
    const writers = this.#writers
    return {
      storage,
      backupId: plan.backupId,
      writer: this.#writerId,
      clock,
      transform,
      isCompressing: tuning.isCompressing,
      compressionSlots: new Budget(COMPRESSION_SLOTS),
      digester: this.#digester,
      minima: this.#minima,
      minimumPatienceMs: tuning.minimumPatienceMs ?? LIMITS.minimumPatienceMs,
      get frameMinBytes() {
        return tuning.frameMinBytes ?? frameMinBytes(writers.length)
      },
      isEndless: this.#isContinuous,
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
