import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import type { HeldSetting } from '../format/restore-ledger.ts'
import type { Cluster } from '../kafka/cluster.ts'
import { assertStillThere } from '../repository/assert-held.ts'
import { openExistingBackup } from '../repository/open-backup.ts'
import { type LedgerState, RestoreLedger, readLedgers, restoreIdOf } from '../repository/restore-ledger.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { capturedSettings } from './captured-topics.ts'
import { type GiveUpOptions, giveUp, isStillThere, joinHeld, purgedRestores } from './earlier-restores.ts'
import { beginAtFirstRecords } from './first-records.ts'
import { usesTransactions } from './preflight/transaction-time.ts'
import type { RestoreIdentity } from './producer-identities.ts'
import { resolveWindow } from './request-time.ts'
import { planRestore, type RestorePlan, type RestoreSelection } from './restore-plan.ts'
import { preflightRestore, type TargetOptions, type TargetPlan } from './restore-preflight.ts'
import { type RestoreRequest, requestDocument, requestSha256 } from './restore-request.ts'
import { type SinceBegun, sinceBegun } from './since-begun.ts'
import { boundedWindow, type TimeWindow } from './time-window.ts'
import { assertWindowFits } from './window-fit.ts'

/** What a restore is prepared from. */
export interface BeginRestoreOptions {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly cluster: Cluster
  readonly request: RestoreRequest
  /** What the request means for a backup; its patterns are looked up there. @throws KB_TOPIC_NOT_FOUND, KB_USAGE */
  readonly select: (state: BackupState, window: TimeWindow | null) => RestoreSelection
  readonly target: Omit<
    TargetOptions,
    | 'unfinished'
    | 'earlierRestores'
    | 'newestState'
    | 'request'
    | 'captured'
    | 'captureTrouble'
    | 'isResuming'
    | 'storage'
    | 'nowMs'
    | 'signal'
  >
  /** See {@link GiveUpOptions}. */
  readonly fence: GiveUpOptions['fence']
  /** Whether the brokers take the transactions of a new restore. @throws KB_BROKER_UNSUPPORTED, KB_CLUSTER_PERMISSION */
  readonly prove: (restore: RestoreIdentity) => Promise<void>
  /** Go on with an unfinished restore of the same request. */
  readonly isResuming: boolean
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
}

/** A restore before its first write. */
export interface PreparedRestore {
  readonly request: RestoreRequest
  readonly plan: RestorePlan
  readonly target: TargetPlan
  /** The restore to go on with, or the finished one that there is nothing to add to; undefined: a new one. */
  readonly known: RestoreLedger | undefined
  /** Of the known one; null: a new one is begun. */
  readonly since: SinceBegun | null
  /** Writes the first entry of the ledger, where there is none yet. */
  openLedger(): Promise<RestoreLedger>
}

const WRITER_BYTES = 4

/**
 * Plan and preflight. A restore that is gone on with keeps the commit and the times that it was begun with, whatever the backup
 * has got since.
 * @throws every refusal: KB_TARGET_*, KB_TOPIC_NOT_FOUND, KB_USAGE; KB_RESTORE_CHANGED when the unfinished restore had another plan
 */
export async function beginRestore(options: BeginRestoreOptions): Promise<PreparedRestore> {
  const { storage, backupId, cluster, request, clock, signal } = options
  const writer = options.random.hex(WRITER_BYTES)
  const { clusterId } = await cluster.describe([])
  const key = { requestSha256: requestSha256(request), clusterId }
  const last = await RestoreLedger.find(storage, backupId, key, { signal, writer, clock })
  const isLeft = last !== undefined && last.state.finished === null && !last.state.isAbandoned
  const isKnown = options.isResuming && last !== undefined && !last.state.isAbandoned
  const known = isKnown && (await isStillThere(cluster, last.state)) ? last : undefined
  const window = known ? boundedWindow(known.state.opened) : resolveWindow(request, clock.nowMs())
  const asOfCommit = known?.state.opened.commit ?? request.asOfCommit ?? undefined
  const state = await openExistingBackup(storage, backupId, { signal, asOfCommit })
  const asked = planRestore(state, options.select(state, window))
  if (!known) assertWindowFits(asked, request)
  // What has finished is not read again.
  if (asOfCommit !== undefined && !known?.state.finished) await assertPlanHeld(storage, state, asked, signal)
  const { transforms } = options.target
  const plan = await beginAtFirstRecords({ storage, transforms, signal }, asked)
  if (known) assertSamePlan(known.state, plan)
  const since = known ? await sinceBegun(known.state, request, options) : null
  // It is reported, not repeated: what became of its target since is no reason against that.
  if (known?.state.finished) {
    return { request, plan, target: untouched(known.state), known, since, openLedger: async () => known }
  }
  const target = await preflightRestore(cluster, plan, {
    ...options.target,
    unfinished: known?.state ?? (isLeft ? last.state : undefined),
    earlierRestores: () => readLedgers(storage, backupId, signal),
    newestState: () => openExistingBackup(storage, backupId, { signal }),
    request,
    ...(await capturedSettings(storage, state, request, signal)),
    isResuming: known !== undefined,
    storage,
    nowMs: clock.nowMs(),
    signal,
  })
  return {
    request,
    plan,
    target,
    known,
    since,
    async openLedger() {
      if (known) return known
      const writing = { writer, clock, signal }
      const generation = (last?.state.generation ?? 0) + 1
      const isShared = options.target.existingTopics === 'append'
      const entry = (heldSettings: readonly HeldSetting[]) =>
        openedEntry({ plan, target, heldSettings, request, clusterId, isShared })
      if (usesTransactions(target)) await options.prove(identityOf(entry([]), generation))
      const left = [...(isLeft ? [last] : []), ...(await purgedRestores(options, target, last, writing))]
      const earlier = await giveUp(left, options)
      // What an abandoned restore held is held again; its originals are put back at the end of this one.
      const opened = entry(joinHeld(target.heldSettings, earlier))
      return RestoreLedger.open(storage, opened, generation, writing)
    },
  }
}

/** The plan of a restore that was begun before. @throws KB_RESTORE_CHANGED when the backup no longer gives the same one */
export async function planOfLedger(
  storage: StorageBackend,
  ledger: LedgerState,
  select: (state: BackupState, window: TimeWindow | null) => RestoreSelection,
  signal: AbortSignal,
): Promise<RestorePlan> {
  const { backupId, commit } = ledger.opened
  const state = await openExistingBackup(storage, backupId, { signal, asOfCommit: commit })
  const plan = planRestore(state, select(state, boundedWindow(ledger.opened)))
  assertSamePlan(ledger, plan)
  await assertPlanHeld(storage, state, plan, signal)
  return plan
}

function assertPlanHeld(
  storage: StorageBackend,
  state: BackupState,
  { partitions }: RestorePlan,
  signal: AbortSignal,
): Promise<void> {
  return assertStillThere(
    storage,
    state,
    partitions.flatMap(({ parts }) => parts),
    signal,
  )
}

/** Of a restore that has finished: nothing is done to its target. */
function untouched({ opened }: LedgerState): TargetPlan {
  return {
    clusterId: opened.clusterId,
    brokers: 0,
    newTopics: [],
    mode: opened.mode,
    modeReason: null,
    heldSettings: [],
    purges: new Map(),
    batchMaxBytes: new Map(),
    topicCodecs: new Map(),
    offsets: null,
    settingNotes: [],
    warnings: [],
  }
}

function assertSamePlan({ opened, restoreId }: LedgerState, plan: RestorePlan): void {
  if (opened.planSha256 === plan.planSha256) return
  throw new KafkaBackupError(
    'KB_RESTORE_CHANGED',
    `restore ${restoreId} was begun with another plan: the backup has changed since, or another version of this program began it`,
    { context: { backup: opened.backupId } },
  )
}

function identityOf(entry: ReturnType<typeof openedEntry>, generation: number): RestoreIdentity {
  const restoreId = restoreIdOf(entry, generation)
  return { restoreId, opened: { type: 'opened', ...entry, restoreId } }
}

function openedEntry(parts: {
  readonly plan: RestorePlan
  readonly target: TargetPlan
  readonly heldSettings: readonly HeldSetting[]
  readonly request: RestoreRequest
  readonly clusterId: string
  readonly isShared: boolean
}) {
  const { plan, target, heldSettings, request, clusterId, isShared } = parts
  return {
    backupId: plan.backupId,
    request: requestDocument(request),
    requestSha256: requestSha256(request),
    commit: plan.commit,
    commitSha256: plan.commitSha256,
    fromMs: plan.window?.fromMs ?? null,
    toMs: plan.window?.toMs ?? null,
    planSha256: plan.planSha256,
    clusterId,
    mode: target.mode,
    isShared,
    sources: plan.partitions.map(({ sourceTopic: topic, partition, lineage }) => ({
      topic,
      partition,
      lineage,
    })),
    createdTopics: target.newTopics.map((topic) => topic.name),
    heldSettings,
  }
}
