import { lstat, mkdir, readdir, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemRandom } from '../../runtime/random.ts'
import type { FolderNote } from '../storage-backend.ts'
import { FOLDER_MODE } from './durable-folders.ts'
import { errnoNameOf, hasErrno } from './errors.ts'
import { createTemporaryFile, discardTemporaryFile, TEMPORARY_FOLDER } from './temporary-files.ts'

/**
 * Notes which folders there are of the root, what is above it, and what is below some folders of it. Removing takes empty ones only, so
 * that nothing of anybody else is lost, whatever happened meanwhile.
 */
export async function noteFolders(root: string, folder: string): Promise<FolderNote> {
  const missing = await missingFolders(root)
  // Where somebody else writes at this moment, each would take the folders of the other for those that were there before.
  const temporary = join(root, TEMPORARY_FOLDER)
  const isShared = (await readdir(temporary).catch(() => [])).length > 0
  const known = new Set(isShared ? [] : await foldersFrom(temporary))
  const claim = missing.length === 0 ? await claimPlace(temporary) : undefined
  return {
    isPlaceThere: missing.length === 0,
    async removeNew() {
      if (claim !== undefined) await discardTemporaryFile(claim)
      // What is below `folder` belongs to those who note it alone, so that empty ones are of no use to anybody.
      const found = (await Promise.all([temporary, join(root, folder)].map(foldersFrom))).flat()
      const made = found.filter((path) => !known.has(path))
      // Those that are inside others come first.
      for (const path of [...made.reverse(), ...missing]) await removeIfEmpty(path)
    },
  }
}

/**
 * A file that keeps the root from being removed as empty by somebody who made it for a time: a root that has vanished is never used
 * again. Left by a kill, it is swept as every other temporary file. Undefined where nothing may be written, which shows elsewhere.
 */
async function claimPlace(temporaryFolder: string): Promise<string | undefined> {
  try {
    await mkdir(temporaryFolder, { mode: FOLDER_MODE }).catch(() => undefined)
    if (!(await lstat(temporaryFolder)).isDirectory()) return undefined
    const { path, handle } = await createTemporaryFile(temporaryFolder, 'claim', systemRandom)
    await handle.close()
    return path
  } catch (error) {
    if (errnoNameOf(error) === undefined) throw error
    return undefined
  }
}

/** The root and what is above it, as far as it is not there; the root is the first one. */
async function missingFolders(root: string): Promise<string[]> {
  const missing: string[] = []
  for (let path = root; path !== dirname(path) && !(await isThere(path)); path = dirname(path)) {
    missing.push(path)
  }
  return missing
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false
    // Whoever may not look will not make it either.
    if (errnoNameOf(error) !== undefined) return true
    throw error
  }
}

/** A folder and all that are in it, each behind the one that it is in; nothing when it is absent or a link. */
async function foldersFrom(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined)
  if (entries === undefined) return []
  const inner = entries.filter((entry) => entry.isDirectory())
  const deeper = await Promise.all(inner.map(({ name }) => foldersFrom(join(path, name))))
  return [path, ...deeper.flat()]
}

async function removeIfEmpty(path: string): Promise<void> {
  try {
    await rmdir(path)
  } catch (error) {
    // It is used, gone, or must stay: an empty folder is in nobody's way.
    if (errnoNameOf(error) === undefined) throw error
  }
}
