import type { Dirent, Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { isReservedFolder } from '../object-key.ts'
import type { ObjectEntry } from '../storage-backend.ts'
import { hasErrno, translateFilesystemError } from './errors.ts'

/** Files whose size is asked for at the same time. */
const STAT_BATCH_COUNT = 32
const SLASH = Buffer.from('/')

/** Where a walk begins. */
export interface WalkOrigin {
  /** Absolute path of the folder; bytes, because names on disk need not be UTF-8. */
  readonly folder: Buffer
  /** Key of the folder with a '/' at its end, or '' for the root of the store. */
  readonly keyPrefix: string
  /** Only names that begin with this are visited, in the first folder. */
  readonly namePrefix: string
  readonly signal: AbortSignal | undefined
}

interface FoundEntry {
  readonly name: Buffer
  readonly isFolder: boolean
  /** Compared as in the full key: a folder's name is followed by '/', so `a-b` comes before `a/b`, and `a0` after. */
  readonly sortKey: Buffer
}

interface OpenFolder {
  readonly path: Buffer
  readonly keyPrefix: string
  readonly entries: readonly FoundEntry[]
  next: number
}

/**
 * Every regular file below a folder, in byte order of the full keys. Names are bytes here: a foreign file whose name is
 * not UTF-8 must be reported too. Links and other file types are left out, and what vanishes meanwhile.
 */
export async function* walkObjects(origin: WalkOrigin): AsyncGenerator<ObjectEntry> {
  const open = [await openFolder(origin.folder, origin.keyPrefix, origin.namePrefix)]
  for (let folder = open.at(-1); folder; folder = open.at(-1)) {
    origin.signal?.throwIfAborted()
    const entry = folder.entries[folder.next]
    if (!entry) {
      open.pop()
    } else if (entry.isFolder) {
      folder.next++
      open.push(await openFolder(pathBelow(folder, entry), `${folder.keyPrefix}${entry.name}/`, ''))
    } else {
      yield* await takeFiles(folder)
    }
  }
}

/** Names of the folders directly in a folder that hold an object at any depth, ascending in bytes. */
export async function listOccupiedFolders(origin: WalkOrigin): Promise<string[]> {
  const { entries } = await openFolder(origin.folder, origin.keyPrefix, origin.namePrefix)
  const names = entries.filter((entry) => entry.isFolder).map((entry) => entry.name)
  const occupied: string[] = []
  for (const name of names.sort(Buffer.compare)) {
    const folder = Buffer.concat([origin.folder, SLASH, name])
    if (await hasObject({ ...origin, folder, keyPrefix: `${origin.keyPrefix}${name}/` })) {
      occupied.push(name.toString())
    }
  }
  return occupied
}

async function hasObject(origin: WalkOrigin): Promise<boolean> {
  for await (const _entry of walkObjects(origin)) return true
  return false
}

async function openFolder(path: Buffer, keyPrefix: string, namePrefix: string): Promise<OpenFolder> {
  const found = await readFolder(path, keyPrefix)
  const wanted = Buffer.from(namePrefix)
  const entries = found
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .filter((entry) => !(keyPrefix === '' && entry.isDirectory() && isReservedFolder(entry.name.toString())))
    .map((entry) => toFoundEntry(entry))
    .filter((entry) => entry.sortKey.subarray(0, wanted.length).equals(wanted))
    .sort((left, right) => Buffer.compare(left.sortKey, right.sortKey))
  return { path, keyPrefix, entries, next: 0 }
}

async function readFolder(path: Buffer, keyPrefix: string): Promise<Dirent<Buffer>[]> {
  try {
    return await readdir(path, { withFileTypes: true, encoding: 'buffer' })
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw translateFilesystemError(error, 'list', keyPrefix)
  }
}

function toFoundEntry(entry: Dirent<Buffer>): FoundEntry {
  const isFolder = entry.isDirectory()
  return { name: entry.name, isFolder, sortKey: isFolder ? Buffer.concat([entry.name, SLASH]) : entry.name }
}

function pathBelow(folder: OpenFolder, entry: FoundEntry): Buffer {
  return Buffer.concat([folder.path, SLASH, entry.name])
}

async function takeFiles(folder: OpenFolder): Promise<ObjectEntry[]> {
  const files: FoundEntry[] = []
  while (files.length < STAT_BATCH_COUNT) {
    const entry = folder.entries[folder.next]
    if (!entry || entry.isFolder) break
    files.push(entry)
    folder.next++
  }
  const found = await Promise.all(files.map((file) => statFile(folder, file)))
  return found.filter((entry) => entry !== undefined)
}

async function statFile(folder: OpenFolder, file: FoundEntry): Promise<ObjectEntry | undefined> {
  const key = `${folder.keyPrefix}${file.name}`
  const found = await lstatFile(pathBelow(folder, file), key)
  return found && { key, bytes: found.size, modifiedMs: Math.trunc(found.mtimeMs) }
}

/** The state of a regular file, or undefined when there is none at this path. Its size is in bytes. */
export async function lstatFile(path: Buffer | string, key: string): Promise<Stats | undefined> {
  try {
    const found = await lstat(path)
    return found.isFile() ? found : undefined
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw translateFilesystemError(error, 'read', key)
  }
}
