import type {
  ByteRange,
  CallOptions,
  FolderNote,
  ListOptions,
  ObjectEntry,
  ObjectKey,
  ObjectWriter,
  PlaceFacts,
  StorageBackend,
  StorageCapabilities,
} from './storage-backend.ts'
import { RequestCounter, type RequestCounts } from './storage-request.ts'

/** The kinds of calls that are counted; `write`, `commit` and `abort` are those of object writers. */
export type StorageCallKind =
  | 'put'
  | 'replace'
  | 'openWrite'
  | 'write'
  | 'commit'
  | 'abort'
  | 'read'
  | 'readRange'
  | 'stat'
  | 'list'
  | 'listFolders'
  | 'delete'

/** What a {@link MeteredBackend} has counted since it was made. */
export interface StorageUsage {
  /** Calls begun, failed ones too: a store charges for both. */
  readonly calls: Readonly<Record<StorageCallKind, number>>
  /** Bytes of successful reads. */
  readonly bytesRead: number
  /** Bytes of successful writes, whether or not they were committed later. */
  readonly bytesWritten: number
  /** What really went over the network, by what stores charge for; all 0 for stores that need no requests. */
  readonly requests: RequestCounts
}

/** Counts calls and bytes on their way to another backend; for reports and cost estimates. */
export class MeteredBackend implements StorageBackend {
  /** Present when the inner backend can say something of its place. */
  readonly inspectPlace?: (options?: CallOptions) => Promise<PlaceFacts>
  /** Present when the inner backend has folders. */
  readonly noteFolders?: (folder: string) => Promise<FolderNote>
  readonly #inner: StorageBackend
  readonly #requests: RequestCounter
  readonly #calls: Record<StorageCallKind, number> = {
    put: 0,
    replace: 0,
    openWrite: 0,
    write: 0,
    commit: 0,
    abort: 0,
    read: 0,
    readRange: 0,
    stat: 0,
    list: 0,
    listFolders: 0,
    delete: 0,
  }
  #bytesRead = 0
  #bytesWritten = 0

  /** `requests` is the counter that the inner backend was opened with. */
  constructor(inner: StorageBackend, requests = new RequestCounter()) {
    this.#inner = inner
    this.#requests = requests
    if (inner.inspectPlace) this.inspectPlace = inner.inspectPlace.bind(inner)
    if (inner.noteFolders) this.noteFolders = inner.noteFolders.bind(inner)
  }

  get location(): string {
    return this.#inner.location
  }

  get capabilities(): StorageCapabilities {
    return this.#inner.capabilities
  }

  /** A copy of the counters as they are now. */
  get usage(): StorageUsage {
    return {
      calls: { ...this.#calls },
      bytesRead: this.#bytesRead,
      bytesWritten: this.#bytesWritten,
      requests: this.#requests.counts,
    }
  }

  async put(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#calls.put++
    await this.#inner.put(key, bytes, options)
    this.#bytesWritten += bytes.byteLength
  }

  async replace(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#calls.replace++
    await this.#inner.replace(key, bytes, options)
    this.#bytesWritten += bytes.byteLength
  }

  async openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    this.#calls.openWrite++
    const writer = await this.#inner.openWrite(key, options)
    return {
      write: async (chunks) => {
        this.#calls.write++
        const byteCount = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
        await writer.write(chunks)
        this.#bytesWritten += byteCount
      },
      commit: () => {
        this.#calls.commit++
        return writer.commit()
      },
      abort: () => {
        this.#calls.abort++
        return writer.abort()
      },
    }
  }

  async read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer> {
    this.#calls.read++
    const bytes = await this.#inner.read(key, maxBytes, options)
    this.#bytesRead += bytes.byteLength
    return bytes
  }

  async readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    this.#calls.readRange++
    const bytes = await this.#inner.readRange(key, range, options)
    this.#bytesRead += bytes.byteLength
    return bytes
  }

  stat(key: ObjectKey, options?: CallOptions): Promise<ObjectEntry | undefined> {
    this.#calls.stat++
    return this.#inner.stat(key, options)
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectEntry> {
    this.#calls.list++
    return this.#inner.list(prefix, options)
  }

  listFolders(prefix: string, options?: CallOptions): Promise<string[]> {
    this.#calls.listFolders++
    return this.#inner.listFolders(prefix, options)
  }

  delete(key: ObjectKey, options?: CallOptions): Promise<void> {
    this.#calls.delete++
    return this.#inner.delete(key, options)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}
