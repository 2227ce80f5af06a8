import type {
  BackupDigest,
  BackupLag,
  JobView,
  NextOffset,
  OffsetState,
  SeenCommit,
  StorageBackend,
} from '@kafka-backup/core'
import { offsetStatePath, offsetStatePaths, requireBackupId } from '@kafka-backup/core/config'
import { isKafkaBackupError, KafkaBackupError } from '@kafka-backup/core/errors'
import {
  findRunState,
  isLogPutBack,
  measureLag,
  readCopiedState,
  readLocalState,
  viewJob,
} from '@kafka-backup/core/observe'
import { digestBackup, hasEverything, openExistingBackup } from '@kafka-backup/core/repository'
import { LIMITS, withinGrace } from '@kafka-backup/core/runtime'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { openConfiguredCluster } from '../open-configured-cluster.ts'
import { openStorage } from '../open-storage.ts'
import { errorDocument, renderErrorText } from '../render/error-text.ts'
import { putBackText } from '../render/event-text.ts'
import { type BackupStatus, stateOf, statusDocument, statusText } from '../render/status-text.ts'

const INCOMPLETE = 3

/** What `kafka-backup status` does. */
export const statusCommand: Command = {
  async run(context) {
    const storage = openStorage(context)
    try {
      return await show(context, storage)
    } finally {
      await storage.close()
    }
  },
}

async function show(context: CommandContext, storage: StorageBackend): Promise<CommandResult> {
  const { loaded, clock } = context
  const backupId = requireBackupId(loaded.config)
  const local = await readLocal(context, storage, backupId)
  const remote = await readRemote(context, storage, { backupId, hasLocal: local !== null })
  const { digest, copy } = remote
  const lastRun = digest?.lastRun ?? null
  if (local?.seen && digest) await warnOfPutBack(context, storage, digest, local.seen)
  const told = newestTold(local, await otherwiseTold(context, { backupId, lastRun, local }))
  const job = viewJob({ local: told, copy, lastRun, nowMs: clock.nowMs() })
  const places = digest ? newestOf(digest) : placesOf(job)
  const lag = await lagOf(context, digest?.clusterId ?? job?.job.clusterId ?? null, places)
  const isByPartition = context.options.byPartition === true
  const failure = isFirstRun(job, remote) ? undefined : remote.failure
  const nowMs = clock.nowMs()
  const status = { backupId, location: storage.location, digest, job, places, lag, isByPartition, nowMs }
  const lines = [statusText(status), ...(failure ? [renderErrorText(failure)] : [])]
  return {
    document: { ...statusDocument(status), error: failure ? errorDocument(failure).error : null },
    text: lines.join('\n'),
    exitCode: failure?.exitCode ?? (isFine(status) ? 0 : INCOMPLETE),
  }
}

/** A run that is alive and has made no commit yet: then there is no backup to be found. */
function isFirstRun(job: JobView | null, { failure }: RemoteState): boolean {
  const isAlive = job?.liveness === 'running' || job?.liveness === 'paused'
  return isAlive && job.job.commit === null && failure?.code === 'KB_BACKUP_NOT_FOUND'
}

/** Of a run that the commits alone tell of, nobody knows whether it is alive. */
function isFine(status: BackupStatus): boolean {
  const state = stateOf(status)
  if (state === 'complete' || (state === 'running' && status.job !== null)) return true
  const lastRun = status.digest?.lastRun
  return state === 'interrupted' && lastRun != null && hasEverything(lastRun) && lastRun.gaps === 0
}

async function readLocal(
  context: CommandContext,
  storage: StorageBackend,
  backupId: string,
): Promise<OffsetState | null> {
  const { offsetStorage } = context.loaded.config
  if (offsetStorage.backend === 'memory') return null
  const path = offsetStatePath(offsetStorage, backupId, storage.location)
  const { state, complaint } = await readLocalState(path, { backupId, repository: storage.location })
  if (complaint !== null) context.say(`Warning: the local state cannot be read: ${complaint}`)
  return state
}

/** What the newest run told this machine of itself, if it was told another address of the repository than this command. */
async function otherwiseTold(
  { loaded }: CommandContext,
  about: { backupId: string; lastRun: BackupDigest['lastRun']; local: OffsetState | null },
): Promise<OffsetState | null> {
  const { backupId, lastRun, local } = about
  const { offsetStorage } = loaded.config
  if (!lastRun || local?.job.runId === lastRun.id || offsetStorage.backend === 'memory') return null
  return findRunState(await offsetStatePaths(offsetStorage, backupId), backupId, lastRun.id)
}

function newestTold(one: OffsetState | null, other: OffsetState | null): OffsetState | null {
  if (!one || !other) return one ?? other
  return other.job.lastHeartbeatMs > one.job.lastHeartbeatMs ? other : one
}

interface RemoteState {
  readonly digest: BackupDigest | null
  readonly copy: OffsetState | null
  /** Why there is no digest. */
  readonly failure?: KafkaBackupError
}

/** What the machine itself knows is shown also when the store does not answer, and then it is not waited for long. */
async function readRemote(
  context: CommandContext,
  storage: StorageBackend,
  { backupId, hasLocal }: { backupId: string; hasLocal: boolean },
): Promise<RemoteState> {
  if (!hasLocal) return readRepository(context, storage, backupId, context.signal)
  const reason = () =>
    new KafkaBackupError(
      'KB_STORAGE_UNAVAILABLE',
      `${storage.location} does not answer, so that only the local state is shown`,
    )
  try {
    return await withinGrace(context.clock, { graceMs: LIMITS.statusPatienceMs, reason }, (signal) =>
      readRepository(context, storage, backupId, AbortSignal.any([signal, context.signal])),
    )
  } catch (error) {
    if (context.signal.aborted || !isKafkaBackupError(error)) throw error
    return { digest: null, copy: null, failure: error }
  }
}

async function readRepository(
  context: CommandContext,
  storage: StorageBackend,
  backupId: string,
  signal: AbortSignal,
): Promise<RemoteState> {
  const { state: copy, complaint } = await readCopiedState(storage, backupId, signal)
  if (complaint !== null) context.say(`Warning: the copy of the state cannot be read: ${complaint}`)
  // Read after the copy, so that it has every commit that the copy knows.
  const state = await openExistingBackup(storage, backupId, { signal })
  return { digest: digestBackup(state), copy }
}

async function warnOfPutBack(
  { say, signal }: CommandContext,
  storage: StorageBackend,
  { backupId, commit: number, lastCommitSha256: sha256 }: BackupDigest,
  seen: SeenCommit,
): Promise<void> {
  if (!(await isLogPutBack(storage, { backupId, commit: { number, sha256 } }, seen, signal))) return
  say(putBackText({ seenCommit: seen.number, seenAtMs: seen.seenAtMs, endCommit: number }))
}

function newestOf(digest: BackupDigest): NextOffset[] {
  return digest.partitions
    .filter(({ isNewest }) => isNewest)
    .map(({ topic, partition, nextOffset }) => ({ topic, partition, nextOffset }))
}

function placesOf(job: JobView | null): NextOffset[] {
  return (job?.offsets ?? []).map(({ topic, partition, lastOffset }) => ({
    topic,
    partition,
    nextOffset: lastOffset + 1n,
  }))
}

/** Null when no cluster was given, and when it does not answer: everything else is worth showing. */
async function lagOf(
  context: CommandContext,
  clusterId: string | null,
  places: readonly NextOffset[],
): Promise<BackupLag | null> {
  const { source } = context.loaded.config
  if (!source || places.length === 0) return null
  const cluster = openConfiguredCluster(source)
  try {
    return await measureLag(cluster, clusterId, places)
  } catch (error) {
    if (context.signal.aborted || !isKafkaBackupError(error)) throw error
    context.say(`Warning: no lag is shown: ${error.message}`)
    return null
  } finally {
    await cluster.close()
  }
}
