import { encodeSnapshot } from '../format/snapshot.ts'
import { snapshotKey } from '../repository/key-layout.ts'
import { readSnapshot } from '../repository/open-backup.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { type AffectedPartition, damage, damageFrom, type Finding, isDamageError } from './finding.ts'
import type { LogFold } from './log-fold.ts'

/** What the comparison of snapshots needs. `numbers` are those that a listing showed. */
export interface SnapshotCheckOptions {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly numbers: readonly bigint[]
  readonly signal: AbortSignal | undefined
}

/** Compares every snapshot with the fold of the commits up to its number. */
export class SnapshotCheck {
  readonly #options: SnapshotCheckOptions
  readonly #pending: Set<bigint>
  /** Built when all partitions are known: a snapshot concerns each of them. */
  readonly #findings: ((all: readonly AffectedPartition[]) => Finding)[] = []
  /** Intact snapshots of commits that were not met. */
  readonly #unmet: bigint[] = []

  constructor(options: SnapshotCheckOptions) {
    this.#options = options
    this.#pending = new Set(options.numbers)
  }

  /** To be called after commit `number` was folded. */
  async compare(number: bigint, fold: LogFold): Promise<void> {
    if (!fold.isExact || !this.#pending.delete(number)) return
    const snapshot = await this.#read(number)
    if (!snapshot || encodeSnapshot(snapshot).equals(encodeSnapshot(fold.state))) return
    const key = snapshotKey(this.#options.backupId, number)
    const message = `it is not the fold of commits 1 to ${number}`
    this.#findings.push((all) => damage('KB_SNAPSHOT_CORRUPT', key, all, message))
  }

  /** Looks at the snapshots that no commit led to. Returns the highest number that an intact one proves, or 0. */
  async readRest(): Promise<bigint> {
    let proven = 0n
    for (const number of this.#pending) {
      if (!(await this.#read(number))) continue
      this.#unmet.push(number)
      if (number > proven) proven = number
    }
    return proven
  }

  /** `lastNumber` is the end of the log; intact snapshots behind it are no findings but evidence of lost commits. */
  findings(all: readonly AffectedPartition[], lastNumber: bigint): Finding[] {
    const message = 'it is intact, but there is no intact log to compare it with'
    const notes = this.#unmet
      .filter((number) => number <= lastNumber)
      .map((number): Finding => {
        const key = snapshotKey(this.#options.backupId, number)
        return { severity: 'note', code: 'KB_VALIDATION_FAILED', key, partitions: [], message }
      })
    return [...this.#findings.map((finding) => finding(all)), ...notes]
  }

  async #read(number: bigint) {
    const { storage, backupId, signal } = this.#options
    try {
      return await readSnapshot(storage, backupId, number, signal)
    } catch (error) {
      if (!isDamageError(error)) throw error
      const key = snapshotKey(backupId, number)
      this.#findings.push((all) => damageFrom(error, key, all))
      return undefined
    }
  }
}
