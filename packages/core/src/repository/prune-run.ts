import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { BackupState } from '../format/backup-state.ts'
import type { PruneRecord } from '../format/commit.ts'
import { systemClock } from '../runtime/clock.ts'
import { appendRemoval, type RemovalContext, renderAndTell } from './append-removal.ts'
import { assertExclusiveCommits } from './commit-log.ts'
import { type SweepReport, sortWaiting, sweepFreed } from './delete-waiting.ts'
import { documentBounds } from './document-bounds.ts'
import { openBackup, openExistingBackup } from './open-backup.ts'
import { type PruneChoice, type PrunePlan, planPrune } from './prune-plan.ts'
import { findPins, type RestorePins } from './restore-pins.ts'
import { findUnnamed, type WaitingObject } from './waiting-objects.ts'

/** What somebody asks a prune for. Times in milliseconds. */
export interface PruneRequest extends Omit<PruneChoice, 'floor' | 'documentBounds' | 'isChosen'> {
  /** Of all topics of the backup those that may lose something. */
  readonly choose: (topics: readonly string[]) => readonly string[]
  /** What the last so many complete runs added stays; null: no such bound. */
  readonly keepRuns: number | null
  /** `beforeMs` was reckoned from this machine's clock. */
  readonly isRelative: boolean
  /** How long an object stays after the commit that freed it. */
  readonly graceMs: number
}

/** A prune before its first write. */
export interface PreparedPrune {
  readonly state: BackupState
  readonly request: PruneRequest
  readonly plan: PrunePlan
  /** What earlier prunes freed, sorted by the clock of this machine: the run asks the store for its own. */
  readonly freed: ReturnType<typeof sortWaiting>
  readonly pins: RestorePins
}

/** What a prune did. */
export interface PruneReport extends SweepReport {
  readonly plan: PrunePlan
  /** The commit that it made; null: there was nothing to prune. */
  readonly commit: bigint | null
}

const CLOCK_SKEW_MAX_MS = 5 * 60_000

/** Plans a prune. Writes nothing. @throws KB_BACKUP_NOT_FOUND, KB_COMMIT_CORRUPT, KB_STORAGE_* */
export async function preparePrune(context: RemovalContext, request: PruneRequest): Promise<PreparedPrune> {
  const { storage, backupId, signal, clock = systemClock } = context
  const state = await openExistingBackup(storage, backupId, { signal })
  const floor = await floorOf(context, state, request.keepRuns)
  const chosen = new Set(request.choose([...state.topics.keys()]))
  const choice = { ...request, floor, isChosen: (topic: string) => chosen.has(topic) }
  const bounds = await documentBounds(storage, state, choice, signal)
  const plan = planPrune(state, { ...choice, documentBounds: bounds })
  const pins = await findPins(storage, backupId, signal)
  const { waiting } = await findUnnamed(storage, state, signal)
  const freed = sortWaiting(waiting, pins.pins, { nowMs: clock.nowMs(), graceMs: request.graceMs })
  return { state, request, plan, freed, pins }
}

/**
 * Executes a plan: a commit that says what goes, then the manifest, then the deletion of what earlier commits and this one freed, as far
 * as the grace has passed and no restore reads it. Whatever ends it in between, the next prune goes on.
 * @throws KB_COMMIT_CONFLICT when another prune was faster, KB_CLOCK_AHEAD, KB_STORAGE_*
 */
export async function runPrune(context: RemovalContext, prepared: PreparedPrune): Promise<PruneReport> {
  const { storage, signal, clock = systemClock } = context
  const { state, request, plan } = prepared
  assertExclusiveCommits(storage)
  const beganMs = await renderAndTell(storage, state, signal)
  if (request.isRelative) assertClock(clock.nowMs(), beganMs)
  const pruned = prunedBy(plan)
  const commit = pruned && (await appendRemoval(context, state, { pruned }))
  const nowMs = commit === null ? beganMs : await renderAndTell(storage, state, signal)
  return { plan, commit, ...(await sweepFreed(context, state, { nowMs, graceMs: request.graceMs })) }
}

/** What a commit takes out by a plan; null: nothing. */
function prunedBy({ entries, documents }: PrunePlan): PruneRecord | null {
  if (entries.length + documents.length === 0) return null
  const partitions = entries.map(({ range }) => range)
  const artifacts = documents.map(({ key }) => key).sort()
  return { partitions, orphans: [], ...(artifacts.length > 0 ? { artifacts } : {}) }
}

/** Objects by the commit that freed them, for people. */
export function byCommit(objects: readonly WaitingObject[]) {
  return [...Map.groupBy(objects, ({ commit }) => commit)].map(([commit, own]) => ({
    commit,
    freedAtMs: own[0]?.freedAtMs ?? 0,
    objects: own.length,
    bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
  }))
}

/**
 * The state before anything that the runs that are kept added; one that holds nothing when there are not more of them. A run beside which
 * others made commits has several entries, of which only the last says how it ended.
 */
async function floorOf(
  { storage, backupId, signal }: RemovalContext,
  state: BackupState,
  keepRuns: number | null,
): Promise<BackupState | null> {
  if (keepRuns === null) return null
  const complete = state.runs.filter(({ outcome }) => outcome === 'complete')
  const kept = new Set(complete.slice(-keepRuns).map(({ id }) => id))
  const before = state.runs[state.runs.findIndex(({ id }) => kept.has(id)) - 1]
  if (complete.length < keepRuns || !before) return new BackupState(backupId)
  return openBackup(storage, backupId, { signal, asOfCommit: before.lastCommit })
}

/** A clock that is ahead makes everything look older than it is. */
function assertClock(nowMs: number, storeMs: number): void {
  const aheadMs = nowMs - storeMs
  if (aheadMs <= CLOCK_SKEW_MAX_MS) return
  throw new KafkaBackupError(
    'KB_CLOCK_AHEAD',
    `the clock of this machine is ${Math.round(aheadMs / 60_000)} minutes ahead of the store's, so that records would look older than they are; nothing was pruned`,
  )
}
