import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../runtime/clock.ts'
import type { Random } from '../../runtime/random.ts'
import type { ObjectKey } from '../storage-backend.ts'

/** Folder at the root of the store that holds unfinished writes; never listed. */
export const TEMPORARY_FOLDER = '.tmp'

const NAME_PATTERN = /^[0-9a-f]{16}-[0-9a-f]{32}\.part$/
const FILE_MODE = 0o600
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000

/** A temporary file that was opened for writing. */
export interface TemporaryFile {
  readonly path: string
  readonly handle: FileHandle
}

/** Creates an empty file that nobody else has, in `folder`. */
export async function createTemporaryFile(
  folder: string,
  key: ObjectKey,
  random: Random,
): Promise<TemporaryFile> {
  const keyHash = createHash('sha256').update(key).digest('hex').slice(0, 16)
  const path = join(folder, `${keyHash}-${random.hex(16)}.part`)
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  return { path, handle: await open(path, flags, FILE_MODE) }
}

/**
 * Removes what killed processes left behind: files of our name pattern, untouched for a day. A process that is still
 * alive after such a pause fails to commit, with an error; objects are safe, since they are other names.
 */
export async function removeLeftovers(folder: string, clock: Clock): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    if (!NAME_PATTERN.test(name)) continue
    const path = join(folder, name)
    const found = await lstat(path).catch(() => undefined)
    if (found?.isFile() && clock.nowMs() - found.mtimeMs > LEFTOVER_AGE_MS) await discardTemporaryFile(path)
  }
}

/**
 * Removes a temporary file if that is possible. It fails for no caller: the file may be gone, or belong to another
 * account, and one that stays only costs space until a later {@link removeLeftovers}.
 */
export async function discardTemporaryFile(path: string): Promise<void> {
  await unlink(path).catch(() => undefined)
}
