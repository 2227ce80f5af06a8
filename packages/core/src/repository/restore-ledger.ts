import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { sha256Hex } from '../format/canonical-json.ts'
import { decodeLedgerEntry, encodeLedgerEntry } from '../format/ledger-document.ts'
import { foldLedger, type LedgerFold } from '../format/ledger-fold.ts'
import type {
  LedgerContent,
  LedgerEntry,
  OffsetRun,
  OpenedEntry,
  TargetPlace,
} from '../format/restore-ledger.ts'
import type { Clock } from '../runtime/clock.ts'
import { LIMITS } from '../runtime/limits.ts'
import { orAbsent } from '../storage/object-errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { restoreEntryKey, restoresPrefix } from './key-layout.ts'
import { readUntilAlike, readWithSecondLook } from './second-look.ts'

/** Which restore is meant: what was asked for, and of which cluster. */
export interface RestoreKey {
  readonly requestSha256: string
  readonly clusterId: string
}

/** What a ledger says. */
export interface LedgerState extends LedgerFold {
  readonly restoreId: string
  /** The same request may be restored again and again; counts from 1. */
  readonly generation: number
  /** When the first entry was written, by the clock of its writer. */
  readonly openedAtMs: number
  /** When the last entry of a finished one was; null: it has not finished. */
  readonly finishedAtMs: number | null
}

/** Who reads and writes a ledger. */
export interface LedgerOptions {
  /** Eight hex digits of this process. */
  readonly writer: string
  readonly clock: Clock
  readonly signal?: AbortSignal
}

const KEY_HEX_DIGITS = 16
const GENERATION_DIGITS = 4

/** `5f2c9d0a1b3e4f67-0001` */
export function restoreIdOf({ requestSha256, clusterId }: RestoreKey, generation: number): string {
  const digest = sha256Hex(`${requestSha256}\n${clusterId}`).slice(0, KEY_HEX_DIGITS)
  return `${digest}-${String(generation).padStart(GENERATION_DIGITS, '0')}`
}

/**
 * The ledger of one restore: immutable entries, numbered and chained by their digests. Each is created with put-if-absent, so of
 * two processes only one can append the next.
 */
export class RestoreLedger {
  readonly #storage: StorageBackend
  readonly #options: LedgerOptions
  #state: LedgerState
  #tip: { readonly number: bigint; readonly sha256: string }

  private constructor(
    storage: StorageBackend,
    options: LedgerOptions,
    read: { readonly state: LedgerState; readonly tip: { readonly number: bigint; readonly sha256: string } },
  ) {
    this.#storage = storage
    this.#options = options
    this.#state = read.state
    this.#tip = read.tip
  }

  /** The newest generation of a restore, or undefined when there is none. @throws KB_LEDGER_CORRUPT */
  static async find(
    storage: StorageBackend,
    backupId: string,
    key: RestoreKey,
    options: LedgerOptions,
  ): Promise<RestoreLedger | undefined> {
    // A list may lag: whatever it says, the next generation is looked for until there is none.
    let generation = await listedGeneration(storage, backupId, restoreIdOf(key, 1).slice(0, KEY_HEX_DIGITS))
    while (await exists(storage, restoreEntryKey(backupId, restoreIdOf(key, generation + 1), 1n), options))
      generation++
    if (generation === 0) return undefined
    return RestoreLedger.findById(storage, backupId, restoreIdOf(key, generation), options)
  }

  /** @throws KB_RESTORE_NOT_FOUND, KB_LEDGER_CORRUPT */
  static async findById(
    storage: StorageBackend,
    backupId: string,
    restoreId: string,
    options: LedgerOptions,
  ): Promise<RestoreLedger> {
    return new RestoreLedger(
      storage,
      options,
      await foldEntries(storage, backupId, restoreId, options.signal),
    )
  }

  /** Begins a generation. @throws KB_RESTORE_CONFLICT when another process was faster */
  static async open(
    storage: StorageBackend,
    entry: Omit<OpenedEntry, 'type' | 'restoreId'>,
    generation: number,
    options: LedgerOptions,
  ): Promise<RestoreLedger> {
    const restoreId = restoreIdOf(entry, generation)
    const opened: OpenedEntry = { type: 'opened', ...entry, restoreId }
    const first: LedgerEntry = {
      number: 1n,
      previousSha256: null,
      writer: options.writer,
      atMs: options.clock.nowMs(),
      ...opened,
    }
    const { bytes, sha256 } = encodeLedgerEntry(first)
    await create(storage, restoreEntryKey(entry.backupId, restoreId, 1n), bytes, options.signal)
    return new RestoreLedger(storage, options, foldEntry(null, { entry: first, sha256 }, restoreId))
  }

  get state(): LedgerState {
    return this.#state
  }

  /**
   * Appends an entry and folds it. Calls are not concurrent.
   * @throws KB_RESTORE_CONFLICT when another process appended to this ledger, or is it the same number of ours that was lost
   */
  async append(content: LedgerContent, signal?: AbortSignal): Promise<void> {
    const { writer, clock } = this.#options
    const entry: LedgerEntry = {
      number: this.#tip.number + 1n,
      previousSha256: this.#tip.sha256,
      writer,
      atMs: clock.nowMs(),
      ...content,
    }
    const { bytes, sha256 } = encodeLedgerEntry(entry)
    // Before it is written: an entry that cannot be folded must never be in the ledger.
    const next = foldEntry(this.#state, { entry, sha256 }, this.#state.restoreId)
    const { backupId } = this.#state.opened
    await create(this.#storage, restoreEntryKey(backupId, this.#state.restoreId, entry.number), bytes, signal)
    this.#state = next.state
    this.#tip = next.tip
  }

  /** @throws KB_RESTORE_CONFLICT when another process has appended since */
  async assertTip(signal?: AbortSignal): Promise<void> {
    const { opened, restoreId } = this.#state
    const key = restoreEntryKey(opened.backupId, restoreId, this.#tip.number + 1n)
    if (await exists(this.#storage, key, signal ? { signal } : {})) throw conflict(key)
  }
}

/** What a ledger says, for readers. @throws KB_RESTORE_NOT_FOUND, KB_LEDGER_CORRUPT */
export async function readLedger(
  storage: StorageBackend,
  backupId: string,
  restoreId: string,
  signal?: AbortSignal,
): Promise<LedgerState> {
  return (await foldEntries(storage, backupId, restoreId, signal)).state
}

/** Every ledger of a backup, in the order in which they were begun. @throws KB_LEDGER_CORRUPT */
export async function readLedgers(
  storage: StorageBackend,
  backupId: string,
  signal?: AbortSignal,
): Promise<LedgerState[]> {
  const ids = await listRestoreIds(storage, backupId, signal)
  const ledgers = await Promise.all(ids.map((id) => readLedger(storage, backupId, id, signal)))
  return ledgers.sort((a, b) => a.openedAtMs - b.openedAtMs)
}

async function foldEntries(
  storage: StorageBackend,
  backupId: string,
  restoreId: string,
  signal?: AbortSignal,
) {
  let read: ReturnType<typeof foldEntry> | null = null
  for await (const found of readEntries(storage, backupId, restoreId, signal)) {
    read = foldEntry(read?.state ?? null, found, restoreId)
  }
  if (read) return read
  throw new KafkaBackupError('KB_RESTORE_NOT_FOUND', `backup ${backupId} knows no restore ${restoreId}`, {
    context: { backup: backupId },
  })
}

/** All runs of the offset map, in the order in which they were written; one entry of the ledger in memory at a time. */
export async function* readOffsetMap(
  storage: StorageBackend,
  backupId: string,
  restoreId: string,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly place: TargetPlace; readonly run: OffsetRun }> {
  for await (const { entry } of readEntries(storage, backupId, restoreId, signal)) {
    if (entry.type !== 'progress') continue
    for (const { topic, partition, runs } of entry.partitions) {
      for (const run of runs) yield { place: { topic, partition }, run }
    }
  }
}

/** Ids of all restores of a backup, ascending. */
export async function listRestoreIds(
  storage: StorageBackend,
  backupId: string,
  signal?: AbortSignal,
): Promise<string[]> {
  return storage.listFolders(restoresPrefix(backupId), signal ? { signal } : {})
}

interface ReadEntry {
  readonly entry: LedgerEntry
  readonly sha256: string
}

/** Entries from the first on until a number is absent, each chained to the one before. */
async function* readEntries(
  storage: StorageBackend,
  backupId: string,
  restoreId: string,
  signal?: AbortSignal,
): AsyncGenerator<ReadEntry> {
  let previous: string | null = null
  for (let number = 1n; ; number++) {
    const read = await readEntry(
      storage,
      restoreEntryKey(backupId, restoreId, number),
      { number, previous },
      signal,
    )
    if (read === undefined) {
      await assertLast(storage, { backupId, restoreId, number }, signal)
      return
    }
    previous = read.sha256
    yield read
  }
}

/** undefined: it is not there. */
function readEntry(
  storage: StorageBackend,
  key: string,
  place: { readonly number: bigint; readonly previous: string | null },
  signal?: AbortSignal,
): Promise<ReadEntry | undefined> {
  const reading = readWithSecondLook(
    () => storage.read(key, LIMITS.ledgerEntryMaxBytes, signal ? { signal } : {}),
    (bytes): ReadEntry => {
      const entry = decodeAt(key, bytes)
      if (entry.number === place.number && entry.previousSha256 === place.previous)
        return { entry, sha256: sha256Hex(bytes) }
      throw corrupt(key, 'it does not follow the entry before')
    },
  )
  return orAbsent(reading)
}

/** An entry behind the first absent number means that one was lost. */
async function assertLast(
  storage: StorageBackend,
  { backupId, restoreId, number }: { backupId: string; restoreId: string; number: bigint },
  signal?: AbortSignal,
): Promise<void> {
  const absent = restoreEntryKey(backupId, restoreId, number)
  const folder = absent.slice(0, absent.lastIndexOf('/') + 1)
  for await (const { key } of storage.list(folder, signal ? { signal } : {})) {
    // It may have been created since it was looked for.
    if (key > absent) throw corrupt(absent, 'it is missing, and later entries are there')
  }
}

function foldEntry(state: LedgerState | null, { entry, sha256 }: ReadEntry, restoreId: string) {
  try {
    const folded = foldLedger(state, entry)
    if (folded.opened.restoreId !== restoreId)
      throw new Error(`it belongs to restore ${folded.opened.restoreId}`)
    const generation = Number(restoreId.slice(KEY_HEX_DIGITS + 1))
    const openedAtMs = state?.openedAtMs ?? entry.atMs
    const finishedAtMs = entry.type === 'finished' ? entry.atMs : null
    return {
      state: { ...folded, restoreId, generation, openedAtMs, finishedAtMs },
      tip: { number: entry.number, sha256 },
    }
  } catch (error) {
    throw new KafkaBackupError(
      'KB_LEDGER_CORRUPT',
      `restore ${restoreId}, entry ${entry.number}: ${(error as Error).message}`,
      { cause: error },
    )
  }
}

function decodeAt(key: string, bytes: Buffer): LedgerEntry {
  try {
    return decodeLedgerEntry(bytes)
  } catch (error) {
    if (!isKafkaBackupError(error)) throw error
    throw new KafkaBackupError(error.code, `${key}: ${error.message}`, { context: { key }, cause: error })
  }
}

async function listedGeneration(storage: StorageBackend, backupId: string, digest: string): Promise<number> {
  const ids = await listRestoreIds(storage, backupId)
  const own = ids
    .filter((id) => id.startsWith(`${digest}-`))
    .map((id) => Number(id.slice(KEY_HEX_DIGITS + 1)))
  return own.reduce((most, generation) => Math.max(most, generation), 0)
}

async function exists(
  storage: StorageBackend,
  key: string,
  { signal }: { readonly signal?: AbortSignal },
): Promise<boolean> {
  return (await storage.stat(key, signal ? { signal } : {})) !== undefined
}

/** Creates the object; when one of that name is there already, it may be ours, and only the answer was lost. */
async function create(
  storage: StorageBackend,
  key: string,
  bytes: Buffer,
  signal?: AbortSignal,
): Promise<void> {
  const options = signal ? { signal } : {}
  try {
    await storage.put(key, bytes, options)
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_OBJECT_EXISTS')) throw error
    const found = await readUntilAlike(() => storage.read(key, LIMITS.ledgerEntryMaxBytes, options))
    if (!found.equals(bytes)) throw conflict(key)
  }
}

function conflict(key: string): KafkaBackupError {
  return new KafkaBackupError('KB_RESTORE_CONFLICT', `${key}: another process goes on with this restore`, {
    context: { key },
  })
}

function corrupt(key: string, reason: string): KafkaBackupError {
  return new KafkaBackupError('KB_LEDGER_CORRUPT', `${key}: ${reason}`, { context: { key } })
}
