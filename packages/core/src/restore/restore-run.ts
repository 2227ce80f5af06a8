import { KafkaBackupError, toKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { HeldSetting, RestoreMode, WritingPace } from '../format/restore-ledger.ts'
import { isOfStop } from '../runtime/stopped.ts'
import { type WriteOptions, writeAll } from './attempt-series.ts'
import { beginTarget } from './begin-target.ts'
import { LearnedMinima } from './learned-minima.ts'
import { abortLeftOpen } from './left-open.ts'
import type { FillKind } from './offset-keeper.ts'
import { sealStarts } from './offset-start.ts'
import { purgedStarts, releaseTarget } from './prepare-target.ts'
import { awaitReadable } from './readable-ends.ts'
import type { LaneEnd } from './restore-attempt.ts'
import { isIncomplete, type RestorePlan } from './restore-plan.ts'
import type { TargetPlan } from './restore-preflight.ts'
import { isTransactional } from './take-over.ts'
import { assertBegins, assertEnds } from './target-ends.ts'
import { assertEqual, type RestoreVerdict, verifyRestore } from './verify-restore.ts'

/** Everything a restore works with. */
export interface RestoreRunOptions extends WriteOptions {
  /** Read everything back and compare it before the restore counts as finished. */
  readonly isVerifying: boolean
}

/** What a restore did. */
export interface RestoreReport {
  readonly backupId: string
  readonly restoreId: string
  readonly commit: bigint
  readonly clusterId: string
  readonly mode: RestoreMode
  readonly outcome: 'complete' | 'incomplete'
  /** True when an earlier run had begun it. */
  readonly isResumed: boolean
  /** Failures after which the restore took over from itself. */
  readonly recoveries: number
  readonly records: number
  /** Of them, by this run. */
  readonly writtenRecords: number
  /** Of the batches that this run sent. */
  readonly writtenBytes: number
  readonly rawBytes: number
  readonly storedBytes: number
  readonly durationMs: number
  readonly createdTopics: readonly string[]
  /** What was put in place when everything was written. */
  readonly settingsSet: readonly Pick<HeldSetting, 'topic' | 'name' | 'original'>[]
  /** Settings that topics do not have as their sources had them, as far as this run looked. */
  readonly settingNotes: TargetPlan['settingNotes']
  readonly gaps: RestorePlan['gaps']
  /** Offsets that this run took without a record, by what took them; null: records got what offsets came. */
  readonly filledOffsets: Readonly<Record<FillKind, number>> | null
  readonly partitions: readonly LaneEnd[]
  /** Content that was read back and compared; null: that was not asked for. */
  readonly verified: readonly RestoreVerdict[] | null
}

/**
 * Executes a plan whose preflight passed and whose ledger is open: prepares the target, writes every record that is not there
 * yet exactly once, and checks at the end that each target partition ends where it must.
 * @throws KB_TARGET_CHANGED, KB_RECORDS_HIDDEN, KB_PRODUCER_FENCED, KB_RESTORE_CONFLICT, KB_CLUSTER_*, KB_SEGMENT_CORRUPT …; the restore can be
 * resumed then
 */
export async function runRestore(options: RestoreRunOptions): Promise<RestoreReport> {
  const { plan, ledger, clock } = options
  const beganMs = clock.monotonicMs()
  const isResumed = ledger.state.claims.length > 0
  const progress = trackProgress(options)
  const learned = new LearnedMinima()
  const { heldSettings } = ledger.state.opened
  let isHeld = true
  try {
    await beginTarget(options)
    await abortLeftOpen(options, ledger.state.begun?.partitions ?? [])
    const { filled, onWritten, onFilled } = progress
    const { ends, recoveries } = await writeAll(options, { learned, onWritten, onFilled })
    await assertWritten(options, ends)
    const pace = paceOf(progress.writtenBytes(), clock.monotonicMs() - beganMs)
    // Who verifies reads the same window again.
    await learned.keep(options.storage, plan.backupId, clock)
    const verified = options.isVerifying ? await verify(options) : null
    await releaseTarget(options.cluster, heldSettings)
    isHeld = false
    const records = ends.reduce((sum, end) => sum + Number(end.position), 0)
    assertAsPlanned(plan, records)
    const outcome = isIncomplete(plan) ? 'incomplete' : 'complete'
    const partitions = ends.map(({ topic, partition, position, nextOffset }) => ({
      topic,
      partition,
      position,
      nextOffset,
    }))
    await ledger.append({ type: 'finished', outcome, records, pace, partitions }, options.signal)
    return {
      backupId: plan.backupId,
      restoreId: ledger.state.restoreId,
      commit: plan.commit,
      clusterId: ledger.state.opened.clusterId,
      mode: ledger.state.opened.mode,
      outcome,
      isResumed,
      recoveries,
      records,
      writtenRecords: records - progress.before,
      writtenBytes: progress.writtenBytes(),
      rawBytes: plan.rawBytes,
      storedBytes: plan.storedBytes,
      durationMs: clock.monotonicMs() - beganMs,
      createdTopics: ledger.state.opened.createdTopics,
      settingsSet: heldSettings,
      settingNotes: options.target.settingNotes,
      gaps: plan.gaps,
      filledOffsets: plan.isKeepingOffsets ? filled : null,
      partitions: ends,
      verified,
    }
  } catch (error) {
    if (isHeld)
      for (const setting of heldSettings) options.observe({ type: 'setting_still_held', ...setting })
    throw withResumeHint(options, isOfStop(error, options.signal) ? options.signal.reason : error)
  }
}

/** Every partition begins and ends where it must, and its readers see all of it. */
async function assertWritten(options: RestoreRunOptions, ends: readonly LaneEnd[]): Promise<void> {
  await assertEnds(options, ends, isTransactional(options.ledger.state.opened.mode))
  await assertBegins(options, ends)
  await awaitReadable(options, ends)
  // A broker that was killed meanwhile may have forgotten what was deleted before the first record.
  await sealStarts(
    options.cluster,
    options.plan.isKeepingOffsets ? ends : purgedStarts(options.target),
    options,
  )
}

/** What a later plan may rest its estimate on. */
function paceOf(writtenBytes: number, durationMs: number): WritingPace | null {
  return writtenBytes === 0 ? null : { writtenBytes, durationMs: Math.max(1, Math.round(durationMs)) }
}

function trackProgress(options: RestoreRunOptions) {
  const { plan, ledger, observe, target } = options
  const filled = { filler: 0, markers: 0, transactions: 0 }
  const toFill = Number((target.offsets?.fillerOffsets ?? 0n) + (target.offsets?.gapOffsets ?? 0n))
  let rawBytes = 0
  let written = 0
  let before = 0
  for (const { position } of ledger.state.progress.values()) before += Number(position)
  const tell = (): void => {
    const doneOffsets = before + written
    const takenOffsets = filled.filler + filled.markers + filled.transactions
    const filling = takenOffsets === 0 ? undefined : { takenOffsets, totalOffsets: toFill }
    const progress = {
      ...{ records: doneOffsets, rawBytes, storedBytes: 0 },
      ...{ doneOffsets, totalOffsets: plan.records, filling },
    }
    observe({ type: 'progressed', progress })
  }
  return {
    ...{ before, filled },
    writtenBytes: () => rawBytes,
    onWritten(records: number, bytes: number): void {
      written += records
      rawBytes += bytes
      tell()
    },
    onFilled(kind: FillKind, offsets: number): void {
      filled[kind] += offsets
      tell()
    },
  }
}

function assertAsPlanned(plan: RestorePlan, records: number): void {
  if (plan.isExact ? records === plan.records : records <= plan.records) return
  throw new KafkaBackupError(
    'KB_SEGMENT_CORRUPT',
    `${records} records were found, the commits count ${plan.records}`,
  )
}

/** Whoever reads the failure must neither take the part for the whole nor delete what can be continued. */
function withResumeHint({ plan, ledger }: RestoreRunOptions, failure: unknown): KafkaBackupError {
  const error = toKafkaBackupError(failure)
  const { code, context } = error
  const isFinal = [
    'KB_PRODUCER_FENCED',
    'KB_RESTORE_CONFLICT',
    'KB_TARGET_CHANGED',
    'KB_VALIDATION_FAILED',
    'KB_PRUNED',
    'KB_RECORDS_HIDDEN',
  ].includes(code)
  if (isFinal) return error
  const known = [...ledger.state.progress.values()].reduce((sum, { position }) => sum + position, 0n)
  const isQuiet = code === 'KB_INTERRUPTED' || error.retryable
  const hint = isQuiet
    ? 'Go on with the same command and --resume.'
    : `${error.hint} Then go on with the same command and --resume.`
  const planned = plan.isExact ? `${plan.records}` : `at most ${plan.records}`
  const message = `${error.message}. The target is incomplete: ${known} of ${planned} records are there for good`
  return new KafkaBackupError(code, message, { context, cause: error.cause ?? error, hint })
}

async function verify(options: RestoreRunOptions): Promise<RestoreVerdict[]> {
  const { plan, ledger } = options
  const verdicts = await verifyRestore({
    ...options,
    backupId: plan.backupId,
    ledger: ledger.state,
    isWritten: true,
  })
  assertEqual(verdicts)
  return verdicts
}
