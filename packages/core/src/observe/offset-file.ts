import { renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LIMITS } from '../runtime/limits.ts'
import { makeFolders } from '../runtime/make-folders.ts'
import { OFFSET_TABLES } from './offset-schema.ts'
import { assertFile, fileAt } from './plain-file.ts'

const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26
const DAMAGED = '.damaged'
const FOLDER_MODE = 0o700

/**
 * The database file of a machine, opened when it is needed and made anew when it is gone or damaged. What is damaged is put
 * aside, not removed: the path may have been meant for something else. All calls block.
 */
export class OffsetFile {
  readonly #path: string
  readonly #onDamage: (text: string) => void
  #database: DatabaseSync | undefined
  #inode: number | undefined

  constructor(path: string, onDamage: (text: string) => void) {
    this.#path = path
    this.#onDamage = onDamage
  }

  /**
   * Runs a step on the database. `isNew` says that it has nothing of what was written before. @throws what SQLite or the file
   * system says
   */
  use<T>(step: (database: DatabaseSync, isNew: boolean) => T): T {
    try {
      return this.#try(step)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.close()
      this.#putAside()
      this.#onDamage(`it was damaged, is now ${this.#path}${DAMAGED}, and was made anew`)
      return this.#try(step)
    }
  }

  close(): void {
    const database = this.#database
    this.#database = undefined
    try {
      database?.close()
    } catch {
      // It is given up either way; SQLite repairs what is unfinished when it is opened next.
    }
  }

  #try<T>(step: (database: DatabaseSync, isNew: boolean) => T): T {
    const isReplaced = this.#database !== undefined && this.#inode !== fileAt(this.#path)?.ino
    if (isReplaced) this.close()
    const isNew = this.#database === undefined
    const database = this.#database ?? this.#open()
    try {
      return step(database, isNew)
    } catch (error) {
      // Whether the next call finds what this one was to write is not known.
      this.close()
      throw error
    }
  }

  #open(): DatabaseSync {
    assertFile(this.#path)
    makeFolders(dirname(this.#path), FOLDER_MODE)
    const database = new DatabaseSync(this.#path, { timeout: LIMITS.offsetStateBusyMs })
    try {
      // Readers and a second run do not wait for each other; file systems that cannot share memory keep their own way.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
      database.exec(OFFSET_TABLES)
    } catch (error) {
      database.close()
      throw error
    }
    this.#database = database
    this.#inode = fileAt(this.#path)?.ino
    return database
  }

  #putAside(): void {
    // What its journal holds goes with it: SQLite removes one that it finds beside no database.
    renameSync(this.#path, this.#path + DAMAGED)
  }
}

function isDamage(error: unknown): boolean {
  const code = (error as { errcode?: unknown } | null)?.errcode
  // The primary code; the extended ones say where.
  return typeof code === 'number' && [SQLITE_CORRUPT, SQLITE_NOTADB].includes(code & 0xff)
}
