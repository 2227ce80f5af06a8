import { constants } from 'node:fs'
import { lstat, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ObjectKey } from '../storage-backend.ts'
import { folderImpossible, folderNotConfined, hasErrno } from './errors.ts'
import { isRealPath } from './path-confinement.ts'

/** Of every folder that this program makes. */
export const FOLDER_MODE = 0o700

/** Somebody may remove what is above it, as empty, once and again. */
const ROOT_ATTEMPTS = 5

/**
 * Makes folders so that they survive a crash. A folder is durable once the folder *above* it is synced; that is
 * done once for each folder in the life of a backend, even for folders that exist, because another process may
 * have made them a moment ago and not synced them yet.
 */
export class DurableFolders {
  readonly #known = new Set<string>()

  /**
   * Makes the root of the store, given as an absolute path, and what is missing above it.
   * @throws KB_STORAGE_UNSUPPORTED where nobody can make a folder, and what the file system says
   */
  async ensureRoot(root: string): Promise<void> {
    const parent = dirname(root)
    // Not left to mkdir's own recursion: on a read-only file system that reports ENOENT instead of EROFS, and below /proc it never ends.
    for (let attempt = 1; attempt <= ROOT_ATTEMPTS; attempt++) {
      try {
        await mkdir(root, { mode: FOLDER_MODE })
      } catch (error) {
        if (hasErrno(error, 'EEXIST')) return syncParentOfExisting(root)
        if (!hasErrno(error, 'ENOENT') || parent === root) throw error
        await this.ensureRoot(parent)
        continue
      }
      return syncFolder(parent)
    }
    throw folderImpossible(root)
  }

  /**
   * Makes the folders of a key below the real path of the root and returns the absolute path of the last.
   * @throws KB_STORAGE_UNSUPPORTED when one of them is a symbolic link or a file; ENOENT when somebody removed it meanwhile.
   */
  async ensure(root: string, elements: readonly string[], key: ObjectKey): Promise<string> {
    const path = join(root, ...elements)
    if (this.#known.has(path)) {
      if (await isRealPath(path)) return path
      // Somebody removed or replaced it, perhaps with the folders above it.
      this.#known.clear()
    }
    await this.#makeEach(root, elements, key)
    if (await isRealPath(path)) return path
    // Gone is not the same as somewhere else: it may be made again.
    await lstat(path)
    throw folderNotConfined(key, elements.join('/'))
  }

  async #makeEach(root: string, elements: readonly string[], key: ObjectKey): Promise<void> {
    let path = root
    for (const [at, element] of elements.entries()) {
      const parent = path
      path = join(parent, element)
      if (this.#known.has(path)) continue
      await makeFolder(path, elements.slice(0, at + 1).join('/'), key)
      await syncFolder(parent)
      this.#known.add(path)
    }
  }
}

/** Makes the names in a folder durable. A file system that cannot do that fails here rather than promise it. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function makeFolder(path: string, name: string, key: ObjectKey): Promise<void> {
  try {
    await mkdir(path, { mode: FOLDER_MODE })
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error
    if (!(await lstat(path)).isDirectory()) throw folderNotConfined(key, name)
  }
}

async function syncParentOfExisting(path: string): Promise<void> {
  try {
    await syncFolder(dirname(path))
  } catch (error) {
    // A mount point's parent may be closed to us, or be read-only; then somebody else made the root, long before.
    if (!hasErrno(error, 'EACCES', 'EPERM', 'ELOOP', 'EROFS')) throw error
  }
}
