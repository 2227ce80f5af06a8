import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { BackupState } from '../format/backup-state.ts'
import { LIMITS } from '../runtime/limits.ts'
import { shellWord } from '../runtime/shell-word.ts'
import { orAbsent } from '../storage/object-errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { type ReadCommit, readCommit } from './commit-log.ts'
import {
  assertBackupId,
  commitKey,
  commitPrefix,
  parseKey,
  snapshotKey,
  snapshotPrefix,
} from './key-layout.ts'
import { readWithSecondLook } from './second-look.ts'
import { decodeSnapshotObject, encodeSnapshotObject } from './snapshot-object.ts'

/** Reading a commit costs a round trip; snapshots keep the number of them at opening below this. */
export const SNAPSHOT_INTERVAL = 100n
const READ_AHEAD = 16

/** Options of {@link openBackup}. `useSnapshots: false` folds every commit, which validation does. */
export interface OpenOptions {
  readonly useSnapshots?: boolean
  /** The state after this commit; the newest when undefined. */
  readonly asOfCommit?: bigint | undefined
  readonly signal?: AbortSignal
}

/**
 * The state of a backup: newest readable snapshot plus the commits after it. An id that was never used gives an empty state.
 * @throws KB_COMMIT_CORRUPT when a commit is damaged, missing, or does not follow the one before, KB_USAGE when
 * `asOfCommit` is not a commit of the backup
 */
export async function openBackup(
  storage: StorageBackend,
  backupId: string,
  options: OpenOptions = {},
): Promise<BackupState> {
  assertBackupId(backupId)
  const { signal, asOfCommit } = options
  if (asOfCommit !== undefined && asOfCommit < 1n) throw noSuchCommit(backupId, asOfCommit, 'the first is 1')
  const numbers = await commitNumbers(storage, backupId, signal)
  const snapshot =
    options.useSnapshots === false ? undefined : await newestSnapshot(storage, backupId, options)
  const state = snapshot ?? new BackupState(backupId)
  await applyListed(storage, state, numbers, options)
  await probeForward(storage, state, options)
  if (asOfCommit !== undefined && state.tip && state.tip.number < asOfCommit) {
    throw noSuchCommit(backupId, asOfCommit, `the last is ${state.tip.number}`)
  }
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
        hint: `List the backups there with: kafka-backup list --repo ${shellWord(storage.location)}`,
      },
    )
  }
  return state
}

/**
 * Writes a snapshot when the tip is due for one. A lost race, or a state that takes more than `maxBytes` before compression, costs nothing but
 * time at the next opening.
 */
export async function writeSnapshotIfDue(
  storage: StorageBackend,
  state: BackupState,
  maxBytes?: number,
): Promise<void> {
  if (!state.tip || state.tip.number % SNAPSHOT_INTERVAL !== 0n) return
  try {
    const bytes = await encodeSnapshotObject(state, maxBytes)
    await storage.put(snapshotKey(state.backupId, state.tip.number), bytes)
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_OBJECT_EXISTS') || isKafkaBackupError(error, 'KB_LIMIT_EXCEEDED'))
      return
    throw error
  }
}

/** @throws KB_SNAPSHOT_CORRUPT, KB_OBJECT_NOT_FOUND, KB_LIMIT_EXCEEDED, each with the key */
export async function readSnapshot(
  storage: StorageBackend,
  backupId: string,
  number: bigint,
  signal?: AbortSignal,
): Promise<BackupState> {
  const key = snapshotKey(backupId, number)
  const options = signal ? { signal } : {}
  return readWithSecondLook(
    () => storage.read(key, LIMITS.documentMaxBytes, options),
    async (bytes) => {
      try {
        const state = await decodeSnapshotObject(bytes)
        if (state.backupId === backupId && state.tip?.number === number) return state
        throw new KafkaBackupError('KB_SNAPSHOT_CORRUPT', 'it holds another state than its name says')
      } catch (error) {
        if (!isKafkaBackupError(error)) throw error
        throw new KafkaBackupError(error.code, `${key}: ${error.message}`, { cause: error, context: { key } })
      }
    },
  )
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
  { asOfCommit, signal }: OpenOptions,
): Promise<BackupState | undefined> {
  const numbers: bigint[] = []
  for await (const entry of storage.list(snapshotPrefix(backupId), signal ? { signal } : {})) {
    const parsed = parseKey(backupId, entry.key)
    if (parsed?.kind !== 'snapshot' || isAbove(parsed.number, asOfCommit)) continue
    numbers.push(parsed.number)
  }
  for (const number of numbers.reverse()) {
    const snapshot = await readSnapshot(storage, backupId, number, signal).catch(undefinedWhenUnreadable)
    if (!snapshot) continue
    // A snapshot counts only while the log really contains the commit it was folded up to.
    const read = await findCommit(storage, backupId, number, signal)
    if (!read) throw lostCommit(backupId, number, 'a snapshot of it')
    if (snapshot.tip?.sha256 === read.sha256) return snapshot
  }
  return undefined
}

/** A snapshot is a cache: whatever is wrong with its bytes, the commits are still there. */
function undefinedWhenUnreadable(error: unknown): undefined {
  if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return undefined
  if (isKafkaBackupError(error) && error.category === 'integrity') return undefined
  throw error
}

/** Reads up to the highest listed number. Numbers between that the list does not show are read too: it may lag. */
async function applyListed(
  storage: StorageBackend,
  state: BackupState,
  listed: readonly bigint[],
  { asOfCommit, signal }: OpenOptions,
): Promise<void> {
  const newest = listed.at(-1) ?? 0n
  const highest = asOfCommit !== undefined && isAbove(newest, asOfCommit) ? asOfCommit : newest
  for (let begin = state.nextNumber; begin <= highest; begin = state.nextNumber) {
    const count = highest - begin + 1n > READ_AHEAD ? READ_AHEAD : Number(highest - begin + 1n)
    const reads = Array.from({ length: count }, (_, at) =>
      findCommit(storage, state.backupId, begin + BigInt(at), signal),
    )
    // Without this, a second failing read would be an unhandled rejection while the first is being reported.
    for (const read of reads) read.catch(() => undefined)
    for (const read of reads) {
      const found = await read
      if (!found) throw lostCommit(state.backupId, state.nextNumber, `commit ${newest}`)
      state.apply(found.commit, found.sha256)
    }
  }
}

function findCommit(
  storage: StorageBackend,
  backupId: string,
  number: bigint,
  signal?: AbortSignal,
): Promise<ReadCommit | undefined> {
  return orAbsent(readCommit(storage, backupId, number, signal))
}

/** A list may lag behind: what it did not show is found by asking for the next number until it is absent. */
async function probeForward(
  storage: StorageBackend,
  state: BackupState,
  { asOfCommit, signal }: OpenOptions,
): Promise<void> {
  while (!isAbove(state.nextNumber, asOfCommit)) {
    const found = await findCommit(storage, state.backupId, state.nextNumber, signal)
    if (!found) return
    state.apply(found.commit, found.sha256)
  }
}

function lostCommit(backupId: string, lost: bigint, evidence: string): KafkaBackupError {
  const message = `commit ${lost} of backup ${backupId} is missing, but ${evidence} exists`
  return new KafkaBackupError('KB_COMMIT_CORRUPT', message, {
    context: { backup: backupId, key: commitKey(backupId, lost) },
  })
}

function isAbove(number: bigint, asOfCommit: bigint | undefined): boolean {
  return asOfCommit !== undefined && number > asOfCommit
}

function noSuchCommit(backupId: string, number: bigint, extent: string): KafkaBackupError {
  return new KafkaBackupError('KB_USAGE', `backup ${backupId} has no commit ${number}: ${extent}`, {
    context: { backup: backupId },
    hint: 'The commits of each run are in: kafka-backup describe --output-format json',
  })
}
