import { isKafkaBackupError, type KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { type ReadCommit, readCommit } from '../repository/commit-log.ts'
import { commitKey } from '../repository/key-layout.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { isDamageError } from './finding.ts'
import { LogFold } from './log-fold.ts'
import { namedPartitions } from './named-partitions.ts'
import type { PartitionName } from './partition-set.ts'

const READ_AHEAD = 16
// A forged number far away must not become that many findings.
const MISSING_NAMED_MAX = 100n

/** What the walk needs. `onCommit` is called for each commit that can be read, after it was folded. */
export interface LogWalkOptions {
  readonly storage: StorageBackend
  readonly backupId: string
  /** Numbers that a listing showed, ascending. */
  readonly listed: readonly bigint[]
  readonly signal: AbortSignal | undefined
  readonly onCommit: (read: ReadCommit, fold: LogFold) => Promise<void>
}

/** Where the walk ended. */
export interface LogWalk {
  readonly fold: LogFold
  /** Highest number that belongs to the log, whether or not it can be read. */
  readonly lastNumber: bigint
  /** Numbers far above the log whose objects are no commits of it. */
  readonly strayNumbers: readonly bigint[]
}

type Found =
  | { readonly number: bigint; readonly read: ReadCommit }
  | { readonly number: bigint; readonly error: KafkaBackupError; readonly named: readonly PartitionName[] }

/** Reads and folds every commit, whatever is wrong with others. */
export async function walkLog(options: LogWalkOptions): Promise<LogWalk> {
  const walk = new Walk(options)
  return walk.run()
}

class Walk {
  readonly #options: LogWalkOptions
  readonly #fold: LogFold
  #lastNumber = 0n
  #strays: Found[] = []

  constructor(options: LogWalkOptions) {
    this.#options = options
    this.#fold = new LogFold(options.backupId)
  }

  async run(): Promise<LogWalk> {
    const { listed } = this.#options
    for (let at = 0; at < listed.length; at += READ_AHEAD) {
      const reads = listed.slice(at, at + READ_AHEAD).map((number) => this.#find(number))
      for (const read of reads) read.catch(() => undefined)
      for (const read of reads) {
        const found = await read
        if (found) await this.#takeListed(found)
      }
    }
    await this.#probeForward()
    const strayNumbers = this.#strays.map((stray) => stray.number)
    return { fold: this.#fold, lastNumber: this.#lastNumber, strayNumbers }
  }

  /** What can be read is a commit wherever it stands; what cannot counts only when others stand around it. */
  async #takeListed(found: Found): Promise<void> {
    if (found.number > this.#lastNumber + 1n) await this.#probeForward()
    if (found.number <= this.#lastNumber) return
    if ('error' in found && found.number > this.#lastNumber + 1n) {
      this.#strays.push(found)
      return
    }
    for (const stray of this.#strays) await this.#take(stray)
    this.#strays = []
    await this.#take(found)
  }

  /** What a listing did not show is found by asking for the next number. */
  async #probeForward(): Promise<void> {
    for (;;) {
      const found = await this.#find(this.#lastNumber + 1n)
      if (!found) return
      await this.#take(found)
    }
  }

  async #take(found: Found): Promise<void> {
    this.#takeMissing(found.number)
    this.#lastNumber = found.number
    if ('error' in found) {
      this.#fold.addBroken(found.number, describe(found.error), found.named)
      return
    }
    this.#fold.add(found.read)
    await this.#options.onCommit(found.read, this.#fold)
  }

  #takeMissing(next: bigint): void {
    const first = this.#lastNumber + 1n
    if (next - first > MISSING_NAMED_MAX) {
      const message = `commits ${first} to ${next - 1n} are missing, but commit ${next} exists`
      this.#fold.addBroken(first, { code: 'KB_OBJECT_NOT_FOUND', message }, [])
      return
    }
    for (let number = first; number < next; number++) {
      const message = `commit ${number} is missing, but commit ${next} exists`
      this.#fold.addBroken(number, { code: 'KB_OBJECT_NOT_FOUND', message }, [])
    }
  }

  async #find(number: bigint): Promise<Found | undefined> {
    const { storage, backupId, signal } = this.#options
    try {
      return { number, read: await readCommit(storage, backupId, number, signal) }
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return undefined
      if (!isDamageError(error)) throw error
      return { number, error, named: await this.#named(number) }
    }
  }

  async #named(number: bigint): Promise<PartitionName[]> {
    const { storage, backupId, signal } = this.#options
    try {
      const key = commitKey(backupId, number)
      return namedPartitions(await storage.read(key, LIMITS.commitMaxBytes, signal ? { signal } : {}))
    } catch (error) {
      if (isDamageError(error)) return []
      throw error
    }
  }
}

function describe(error: KafkaBackupError) {
  const key = error.context.key
  const message = key === undefined ? error.message : error.message.replace(`${key}: `, '')
  return { code: error.code, message }
}
