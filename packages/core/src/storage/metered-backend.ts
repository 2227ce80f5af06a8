import type { PassingCall } from './request-gate.ts'
import type {
  ByteRange,
  CallOptions,
  ListOptions,
  ObjectEntry,
  ObjectKey,
  ObjectWriter,
  StorageBackend,
} from './storage-backend.ts'
import { RequestCounter, type RequestCounts } from './storage-request.ts'
import { WrappedBackend } from './wrapped-backend.ts'

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
export class MeteredBackend extends WrappedBackend {
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
    super(inner)
    this.#requests = requests
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

  override async put(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#calls.put++
    await this.inner.put(key, bytes, options)
    this.#bytesWritten += bytes.byteLength
  }

  override async replace(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#calls.replace++
    await this.inner.replace(key, bytes, options)
    this.#bytesWritten += bytes.byteLength
  }

  override async openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    this.#calls.openWrite++
    const writer = await this.inner.openWrite(key, options)
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

  override async read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer> {
    this.#calls.read++
    const bytes = await this.inner.read(key, maxBytes, options)
    this.#bytesRead += bytes.byteLength
    return bytes
  }

  override async readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    this.#calls.readRange++
    const bytes = await this.inner.readRange(key, range, options)
    this.#bytesRead += bytes.byteLength
    return bytes
  }

  override stat(key: ObjectKey, options?: CallOptions): Promise<ObjectEntry | undefined> {
    this.#calls.stat++
    return this.inner.stat(key, options)
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectEntry> {
    this.#calls.list++
    return this.inner.list(prefix, options)
  }

  override listFolders(prefix: string, options?: CallOptions): Promise<string[]> {
    this.#calls.listFolders++
    return this.inner.listFolders(prefix, options)
  }

  override delete(key: ObjectKey, options?: CallOptions): Promise<void> {
    this.#calls.delete++
    return this.inner.delete(key, options)
  }

  /** The look at a place is no call of the table. */
  protected around<T>(_call: PassingCall, step: () => Promise<T>): Promise<T> {
    return step()
  }
}
