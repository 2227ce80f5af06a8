import { unlink } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { invariant } from '../../runtime/invariant.ts'
import { type Random, systemRandom } from '../../runtime/random.ts'
import { checkFolderPrefix, checkObjectKey, checkPrefix, isBehind } from '../object-key.ts'
import type {
  ByteRange,
  CallOptions,
  FolderNote,
  ListOptions,
  ObjectEntry,
  ObjectKey,
  ObjectWriter,
  StorageBackend,
  StorageCapabilities,
} from '../storage-backend.ts'
import { DurableFolders } from './durable-folders.ts'
import { hasErrno, rootUnreachable, translating } from './errors.ts'
import { noteFolders } from './folder-note.ts'
import { ObjectReader } from './object-reader.ts'
import { listOccupiedFolders, lstatFile, walkObjects } from './object-walk.ts'
import { FilesystemObjectWriter } from './object-writer.ts'
import { PathConfinement } from './path-confinement.ts'
import { type Publication, publishExclusively, publishReplacing } from './publish.ts'
import { createTemporaryFile, removeLeftovers, TEMPORARY_FOLDER } from './temporary-files.ts'

/** Parts of a {@link FilesystemBackend} that have defaults. */
export interface FilesystemBackendOptions {
  readonly clock?: Clock
  readonly random?: Random
}

/** How a finished file gets its name. */
type Publish = (publication: Publication) => Promise<void>

/**
 * Objects as files below one folder, which belongs to this program alone. A write goes to a temporary file that is
 * synced, then gets its name by a hard link, which fails if the name is taken, then its folder is synced. Deleting is
 * not synced: an object that comes back after a crash is garbage that the next prune removes.
 */
export class FilesystemBackend implements StorageBackend {
  readonly location: string
  readonly capabilities: StorageCapabilities = { putIfAbsent: true, readAfterWrite: true }
  readonly #rootPath: string
  readonly #clock: Clock
  readonly #random: Random
  readonly #confinement: PathConfinement
  readonly #folders = new DurableFolders()
  #isRootDurable = false
  #hasSwept = false
  #isClosed = false

  /** `rootPath` is absolute. It need not exist: the first write makes it. */
  constructor(rootPath: string, options: FilesystemBackendOptions = {}) {
    invariant(isAbsolute(rootPath), `the root ${rootPath} is absolute`)
    this.#rootPath = rootPath
    this.location = pathToFileURL(rootPath).href
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.#confinement = new PathConfinement(rootPath)
  }

  put(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    return this.#writeWhole(key, bytes, publishExclusively, options)
  }

  replace(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    return this.#writeWhole(key, bytes, publishReplacing, options)
  }

  openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    return this.#openWriter(key, publishExclusively, options)
  }

  read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer> {
    return this.#reading(key, options, (reader) => reader.readAll(maxBytes))
  }

  readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    return this.#reading(key, options, (reader) => reader.readRange(range))
  }

  async stat(key: ObjectKey, options?: CallOptions): Promise<ObjectEntry | undefined> {
    this.#begin(options)
    const path = await translating('read', key, () => this.#pathOf(key))
    const found = path === undefined ? undefined : await lstatFile(path, key)
    return found && { key, bytes: found.size, modifiedMs: Math.trunc(found.mtimeMs) }
  }

  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ObjectEntry> {
    this.#begin(options)
    const { folders, rest } = checkPrefix(prefix)
    const folder = await translating('list', prefix, () => this.#confinement.folder(folders))
    if (folder === undefined) return
    const keyPrefix = prefix.slice(0, prefix.length - rest.length)
    const origin = { folder: Buffer.from(folder), keyPrefix, namePrefix: rest, signal: options?.signal }
    for await (const entry of walkObjects(origin)) {
      if (isBehind(entry.key, options?.after)) yield entry
      this.#begin(options)
    }
  }

  async listFolders(prefix: string, options?: CallOptions): Promise<string[]> {
    this.#begin(options)
    const folders = checkFolderPrefix(prefix)
    const folder = await translating('list', prefix, () => this.#confinement.folder(folders))
    if (folder === undefined) return []
    const signal = options?.signal
    return listOccupiedFolders({ folder: Buffer.from(folder), keyPrefix: prefix, namePrefix: '', signal })
  }

  async delete(key: ObjectKey, options?: CallOptions): Promise<void> {
    this.#begin(options)
    const path = await translating('delete', key, () => this.#pathOf(key))
    if (path === undefined || (await lstatFile(path, key)) === undefined) return
    await translating('delete', key, async () => {
      try {
        await unlink(path)
      } catch (error) {
        if (!hasErrno(error, 'ENOENT')) throw error
      }
    })
  }

  noteFolders(folder: string): Promise<FolderNote> {
    return translating('list', folder, () => noteFolders(this.#rootPath, folder))
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  async #writeWhole(
    key: ObjectKey,
    bytes: Uint8Array,
    publish: Publish,
    options: CallOptions | undefined,
  ): Promise<void> {
    const writer = await this.#openWriter(key, publish, options)
    await writer.write([bytes])
    await writer.commit()
  }

  async #openWriter(
    key: ObjectKey,
    publish: Publish,
    options: CallOptions | undefined,
  ): Promise<FilesystemObjectWriter> {
    this.#begin(options)
    const folders = checkObjectKey(key)
    const name = folders.pop() ?? ''
    return translating('write', key, async () => {
      const root = await this.#openRoot()
      const temporaryFolder = await this.#folders.ensure(root, [TEMPORARY_FOLDER], key)
      await this.#sweepOnce(temporaryFolder)
      options?.signal?.throwIfAborted()
      const file = await createTemporaryFile(temporaryFolder, key, this.#random)
      return new FilesystemObjectWriter(file, {
        key,
        signal: options?.signal,
        publish: async (temporaryPath) => {
          const folder = await this.#folders.ensure(await this.#openRoot(), folders, key)
          await publish({ key, temporaryPath, folder, name, root })
        },
      })
    })
  }

  async #reading<T>(
    key: ObjectKey,
    options: CallOptions | undefined,
    step: (reader: ObjectReader) => Promise<T>,
  ): Promise<T> {
    this.#begin(options)
    const folders = checkObjectKey(key).slice(0, -1)
    return translating('read', key, async () => {
      const folder = await this.#confinement.folder(folders)
      options?.signal?.throwIfAborted()
      const reader = await ObjectReader.open(folder, key)
      try {
        options?.signal?.throwIfAborted()
        return await step(reader)
      } finally {
        await reader.close()
      }
    })
  }

  /** Path of an object, or undefined when its folder is absent. */
  async #pathOf(key: ObjectKey): Promise<string | undefined> {
    const folders = checkObjectKey(key)
    const name = folders.pop() ?? ''
    const folder = await this.#confinement.folder(folders)
    return folder === undefined ? undefined : join(folder, name)
  }

  /** Real path of the root, which is made if it is absent. */
  async #openRoot(): Promise<string> {
    // Asked first: a root that was there and has vanished must fail, not be made anew.
    const found = await this.#confinement.root()
    if (found !== undefined && this.#isRootDurable) return found
    await this.#folders.ensureRoot(this.#rootPath)
    this.#isRootDurable = true
    const made = await this.#confinement.root()
    if (made === undefined) throw rootUnreachable(this.#rootPath)
    return made
  }

  async #sweepOnce(temporaryFolder: string): Promise<void> {
    if (this.#hasSwept) return
    this.#hasSwept = true
    await removeLeftovers(temporaryFolder, this.#clock)
  }

  #begin(options: CallOptions | undefined): void {
    invariant(!this.#isClosed, `${this.location} is used after close`)
    options?.signal?.throwIfAborted()
  }
}
