import { link, lstat, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { objectExists } from '../object-errors.ts'
import type { ObjectKey } from '../storage-backend.ts'
import { syncFolder } from './durable-folders.ts'
import { hardLinksMissing, hasErrno } from './errors.ts'
import { discardTemporaryFile } from './temporary-files.ts'

/** A finished temporary file and the name that it is to get. */
export interface Publication {
  readonly key: ObjectKey
  /** Path of the complete, synced temporary file. */
  readonly temporaryPath: string
  /** Durable folder of the object. */
  readonly folder: string
  readonly name: string
  /** Root of the store, for messages. */
  readonly root: string
}

/**
 * Gives the file its name unless the name is taken. From the moment of the link the object is visible and is never
 * taken back, not even when the last step fails: another process may have built on it already. Such a failure has an
 * unknown outcome, which the caller settles by comparing bytes, as with a lost answer of an object store.
 * @throws KB_OBJECT_EXISTS, KB_STORAGE_UNSUPPORTED
 */
export async function publishExclusively(publication: Publication): Promise<void> {
  const { key, temporaryPath, folder, root } = publication
  const path = join(folder, publication.name)
  let taken: unknown
  try {
    await link(temporaryPath, path)
  } catch (error) {
    if (hasErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw hardLinksMissing(key, root, error)
    if (!hasErrno(error, 'EEXIST')) throw error
    // NFS repeats a call whose answer was lost, and then finds the link that its first attempt made.
    if (!(await isSameFile(temporaryPath, path))) taken = error
  }
  await discardTemporaryFile(temporaryPath)
  // Also when the name is taken: who reads the object next to settle an unknown outcome may rely on it.
  await syncFolder(folder)
  if (taken) throw objectExists(key, taken)
}

/** Gives the file its name and removes what had it, in one step. */
export async function publishReplacing(publication: Publication): Promise<void> {
  await rename(publication.temporaryPath, join(publication.folder, publication.name))
  await syncFolder(publication.folder)
}

async function isSameFile(left: string, right: string): Promise<boolean> {
  const options = { bigint: true } as const
  const [a, b] = await Promise.all([lstat(left, options), lstat(right, options)])
  return a.dev === b.dev && a.ino === b.ino
}
