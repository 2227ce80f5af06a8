import type { BigIntStats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { hasErrno } from './errors.ts'

/**
 * Keeps every path below the root. Keys are checked as text before (`checkObjectKey`); here it is checked that the
 * folders on disk are real ones: symbolic links are not followed anywhere below the root, so that an archive that
 * somebody prepared cannot make us read or write elsewhere. The root itself may be reached through links.
 *
 * What remains: who can swap a folder for a link between our check and our call can write to the store anyway.
 */
export class PathConfinement {
  readonly #root: string
  #known: { readonly path: string; readonly identity: string } | undefined

  constructor(root: string) {
    this.#root = root
  }

  /**
   * Real path of the root, or undefined while it does not exist.
   * @throws KB_LOCATION_INVALID when it is a file, KB_STORAGE_UNAVAILABLE when it has become another folder: after an unmount, the empty mount point would
   * take our writes and look like an empty store.
   */
  async root(): Promise<string | undefined> {
    const current = await this.#identify(this.#known?.path ?? this.#root)
    if (this.#known && current !== this.#known.identity) {
      const message = `${this.#root} is no longer the folder it was: it was unmounted, moved or replaced`
      throw new KafkaBackupError('KB_STORAGE_UNAVAILABLE', message, { context: { path: this.#root } })
    }
    if (current === undefined) return undefined
    this.#known ??= { path: await realpath(this.#root), identity: current }
    return this.#known.path
  }

  /** Absolute path of a folder below the root; undefined if it is absent or reached through a link. */
  async folder(elements: readonly string[]): Promise<string | undefined> {
    const root = await this.root()
    if (root === undefined) return undefined
    const path = join(root, ...elements)
    return elements.length === 0 || (await isRealPath(path)) ? path : undefined
  }

  async #identify(path: string): Promise<string | undefined> {
    let found: BigIntStats
    try {
      found = await stat(path, { bigint: true })
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return undefined
      throw error
    }
    if (!found.isDirectory()) {
      const message = `the location ${this.#root} is a file, not a folder`
      throw new KafkaBackupError('KB_LOCATION_INVALID', message, {
        context: { path: this.#root },
        hint: 'Name a folder; it is made if it does not exist.',
      })
    }
    return `${found.dev}:${found.ino}`
  }
}

/**
 * True when the path exists and no part of it is a link. Comparing texts also refuses names that differ in case on
 * a file system that ignores case: there, two keys would be one file.
 */
export async function isRealPath(path: string): Promise<boolean> {
  try {
    return (await realpath(path)) === path
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return false
    throw error
  }
}
