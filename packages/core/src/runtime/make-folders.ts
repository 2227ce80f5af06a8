import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder and what is missing above it, each with this mode; blocks. Not left to the recursion of Node, which never ends where a
 * file system says of a folder that can be made by nobody that what is above it were missing, as /proc does.
 * @throws what the file system says, and an error that names the folder where it says that
 */
export function makeFolders(path: string, mode: number): void {
  if (isMade(path, mode)) return
  const parent = dirname(path)
  if (parent !== path) makeFolders(parent, mode)
  if (!isMade(path, mode)) throw new Error(`nobody can make the folder ${path} there (ENOENT)`)
}

/** False: something above it is missing, says the file system. */
function isMade(path: string, mode: number): boolean {
  try {
    mkdirSync(path, { mode })
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return false
    if (code === 'EEXIST' && statSync(path).isDirectory()) return true
    throw error
  }
}
