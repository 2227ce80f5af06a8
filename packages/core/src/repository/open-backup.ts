import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { BackupState } from '../format/backup-state.ts'
import { decodeSnapshot, encodeSnapshot } from '../format/snapshot.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { readCommit } from './commit-log.ts'
import { assertBackupId, commitPrefix, parseKey, snapshotKey, snapshotPrefix } from './key-layout.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

// Reading a commit costs a round trip; snapshots keep the number of them at opening below this.
const SNAPSHOT_INTERVAL = 100n
const READ_AHEAD = 16

/** Options of {@link openBackup}. `useSnapshots: false` folds every commit, which validation does. */
export interface OpenOptions {
  readonly useSnapshots?: boolean
  readonly signal?: AbortSignal
}

/**
 * The state of a backup: newest readable snapshot plus the commits after it. An id that was never used gives an empty state.
 * @throws KB_COMMIT_CORRUPT when a commit is damaged, missing, or does not follow the one before
 */
export async function openBackup(
  storage: StorageBackend,
  backupId: string,
  options: OpenOptions = {},
): Promise<BackupState> {
  assertBackupId(backupId)
  const { signal } = options
  const numbers = await commitNumbers(storage, backupId, signal)
  const snapshot =
    options.useSnapshots === false ? undefined : await newestSnapshot(storage, backupId, signal)
  const state = snapshot ?? new BackupState(backupId)
  await applyListed(storage, state, numbers, signal)
  await probeForward(storage, state, signal)
  return state
}

/** @throws KB_BACKUP_NOT_FOUND when the id was never used */
export async function openExistingBackup(
  storage: StorageBackend,
  backupId: string,
  options: OpenOptions = {},
): Promise<BackupState> {
  const state = await openBackup(storage, backupId, options)
  if (!state.tip) {
    throw new KafkaBackupError(
      'KB_BACKUP_NOT_FOUND',
      `there is no backup "${backupId}" in ${storage.location}`,
      {
        context: { backup: backupId },
        hint: `List the backups there with: kafka-backup list --repo ${storage.location}`,
      },
    )
  }
  return state
}

/** Writes a snapshot when the tip is due for one. A lost race or a failed write costs nothing but time at the next opening. */
export async function writeSnapshotIfDue(storage: StorageBackend, state: BackupState): Promise<void> {
  if (!state.tip || state.tip.number % SNAPSHOT_INTERVAL !== 0n) return
  const bytes = await compress(encodeSnapshot(state))
  try {
    await storage.put(snapshotKey(state.backupId, state.tip.number), bytes)
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_OBJECT_EXISTS')) throw error
  }
}

/** @throws KB_SNAPSHOT_CORRUPT, KB_OBJECT_NOT_FOUND */
export async function readSnapshot(
  storage: StorageBackend,
  backupId: string,
  number: bigint,
): Promise<BackupState> {
  const key = snapshotKey(backupId, number)
  const bytes = await storage.read(key, LIMITS.documentMaxBytes)
  let document: Buffer
  try {
    document = await decompress(bytes, { maxOutputLength: LIMITS.snapshotMaxRawBytes })
  } catch (error) {
    throw new KafkaBackupError('KB_SNAPSHOT_CORRUPT', `${key} cannot be decompressed`, {
      cause: error,
      context: { key },
    })
  }
  const state = decodeSnapshot(document)
  if (state.backupId !== backupId || state.tip?.number !== number) {
    throw new KafkaBackupError('KB_SNAPSHOT_CORRUPT', `${key} holds another state than its name says`, {
      context: { key },
    })
  }
  return state
}

async function commitNumbers(
  storage: StorageBackend,
  backupId: string,
  signal?: AbortSignal,
): Promise<bigint[]> {
  const numbers: bigint[] = []
  for await (const entry of storage.list(commitPrefix(backupId), signal ? { signal } : {})) {
    const parsed = parseKey(backupId, entry.key)
    if (parsed?.kind === 'commit') numbers.push(parsed.number)
  }
  return numbers
}

async function newestSnapshot(
  storage: StorageBackend,
  backupId: string,
  signal?: AbortSignal,
): Promise<BackupState | undefined> {
  const numbers: bigint[] = []
  for await (const entry of storage.list(snapshotPrefix(backupId), signal ? { signal } : {})) {
    const parsed = parseKey(backupId, entry.key)
    if (parsed?.kind === 'snapshot') numbers.push(parsed.number)
  }
  for (const number of numbers.reverse()) {
    const snapshot = await readSnapshot(storage, backupId, number).catch(undefinedWhenCorrupt)
    if (!snapshot) continue
    // A snapshot counts only while the log really contains the commit it was folded up to.
    const { sha256 } = await readCommit(storage, backupId, number, signal)
    if (snapshot.tip?.sha256 === sha256) return snapshot
  }
  return undefined
}

function undefinedWhenCorrupt(error: unknown): undefined {
  if (isKafkaBackupError(error, 'KB_SNAPSHOT_CORRUPT')) return undefined
  throw error
}

async function applyListed(
  storage: StorageBackend,
  state: BackupState,
  listed: readonly bigint[],
  signal?: AbortSignal,
): Promise<void> {
  const tip = state.tip?.number ?? 0n
  const numbers = listed.filter((number) => number > tip)
  for (let at = 0; at < numbers.length; at += READ_AHEAD) {
    const reads = numbers
      .slice(at, at + READ_AHEAD)
      .map((number) => readCommit(storage, state.backupId, number, signal))
    // Without this, a second failing read would be an unhandled rejection while the first is being reported.
    for (const read of reads) read.catch(() => undefined)
    for (const read of reads) {
      const { commit, sha256 } = await read
      if (commit.number !== state.nextNumber) throw lostCommit(state, commit.number)
      state.apply(commit, sha256)
    }
  }
}

/** A list may lag behind: what it did not show is found by asking for the next number until it is absent. */
async function probeForward(
  storage: StorageBackend,
  state: BackupState,
  signal?: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      const { commit, sha256 } = await readCommit(storage, state.backupId, state.nextNumber, signal)
      state.apply(commit, sha256)
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return
      throw error
    }
  }
}

function lostCommit(state: BackupState, found: bigint): KafkaBackupError {
  return new KafkaBackupError(
    'KB_COMMIT_CORRUPT',
    `commit ${state.nextNumber} of backup ${state.backupId} is missing, but commit ${found} exists`,
    { context: { backup: state.backupId } },
  )
}
