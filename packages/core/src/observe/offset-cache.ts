import { DatabaseSync } from 'node:sqlite'
import { OffsetFile } from './offset-file.ts'
import { inTransaction, OFFSET_TABLES, readSeen, writeJob, writeOffsets, writeSeen } from './offset-schema.ts'
import type { JobRow, OffsetChange, OffsetRow, SeenCommit } from './offset-state.ts'
import { serializeDatabase } from './serialized-database.ts'

/**
 * Everything that was told of one backup, kept in memory and written to a file where there is one, so that a file which is lost
 * or damaged is written anew. All calls block: it runs on a thread of its own.
 */
export class OffsetCache {
  readonly #file: OffsetFile | null
  readonly #offsets = new Map<string, OffsetRow>()
  #job: JobRow | undefined
  // The end of a log that was put back below what was seen: a commit behind it is the highest one, whatever its number.
  #putBackTo: bigint | null = null
  #isAllDue = true

  /** `path` null: in memory only. */
  constructor(path: string | null, onDamage: (text: string) => void) {
    this.#file = path === null ? null : new OffsetFile(path, onDamage)
  }

  begin(change: OffsetChange): SeenCommit | null {
    this.#offsets.clear()
    this.#isAllDue = true
    this.#take(change)
    const { job } = change
    const end = job.commit?.number ?? 0n
    let seen: SeenCommit | null = null
    this.#write(change.offsets, (database) => {
      seen = readSeen(database, job.repository, job.backupId)
      this.#putBackTo = seen !== null && seen.number > end ? end : null
      if (this.#putBackTo === null && job.commit) writeSeen(database, job, job.commit)
    })
    return seen
  }

  save(change: OffsetChange): void {
    this.#take(change)
    const { job } = change
    this.#write(change.offsets, (database) => {
      if (!job.commit) return
      const seen = readSeen(database, job.repository, job.backupId)
      const isHighest = seen === null || seen.number <= job.commit.number
      const isBehindPutBack = this.#putBackTo !== null && job.commit.number > this.#putBackTo
      if (isHighest || isBehindPutBack) writeSeen(database, job, job.commit)
    })
  }

  render(): Uint8Array {
    const database = new DatabaseSync(':memory:')
    try {
      database.exec(OFFSET_TABLES)
      const job = this.#job
      inTransaction(database, () => {
        if (!job) return
        writeOffsets(database, job.backupId, this.#offsets.values(), true)
        writeJob(database, job)
      })
      return serializeDatabase(database)
    } finally {
      database.close()
    }
  }

  close(): void {
    this.#file?.close()
  }

  #take({ job, offsets }: OffsetChange): void {
    this.#job = job
    for (const row of offsets) this.#offsets.set(`${row.topic}/${row.partition}`, row)
  }

  #write(changed: readonly OffsetRow[], more: (database: DatabaseSync) => void): void {
    const job = this.#job
    if (!this.#file || !job) return
    const isAllDue = this.#isAllDue
    this.#isAllDue = true
    this.#file.use((database, isNew) => {
      const isAll = isNew || isAllDue
      inTransaction(database, () => {
        writeOffsets(database, job.backupId, isAll ? this.#offsets.values() : changed, isAll)
        writeJob(database, job)
        more(database)
      })
    })
    this.#isAllDue = false
  }
}
