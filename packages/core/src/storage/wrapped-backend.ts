import type { PassingCall } from './request-gate.ts'
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

/**
 * A backend in front of another one: every call goes through `around`, which a layer replaces. Layers that treat some call in
 * a way of its own replace that method too.
 */
export abstract class WrappedBackend implements StorageBackend {
  protected readonly inner: StorageBackend
  /** Present when the inner backend can say something of its place. */
  readonly inspectPlace?: (options?: CallOptions) => Promise<PlaceFacts>
  /** Present when the inner backend has folders. It is no request, and goes past every layer. */
  readonly noteFolders?: (folder: string) => Promise<FolderNote>

  constructor(inner: StorageBackend) {
    this.inner = inner
    if (inner.noteFolders) this.noteFolders = inner.noteFolders.bind(inner)
    if (inner.inspectPlace) {
      this.inspectPlace = (options) =>
        this.around(asking(options), async () => (await inner.inspectPlace?.(options)) ?? UNKNOWN_PLACE)
    }
  }

  protected abstract around<T>(call: PassingCall, step: () => Promise<T>): Promise<T>

  get location(): string {
    return this.inner.location
  }

  get capabilities(): StorageCapabilities {
    return this.inner.capabilities
  }

  put(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    return this.around(sending(bytes, options), () => this.inner.put(key, bytes, options))
  }

  replace(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    return this.around(sending(bytes, options), () => this.inner.replace(key, bytes, options))
  }

  openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    return this.around(asking(options), () => this.inner.openWrite(key, options))
  }

  read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer> {
    return this.around(asking(options), () => this.inner.read(key, maxBytes, options))
  }

  readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    return this.around(asking(options), () => this.inner.readRange(key, range, options))
  }

  stat(key: ObjectKey, options?: CallOptions): Promise<ObjectEntry | undefined> {
    return this.around(asking(options), () => this.inner.stat(key, options))
  }

  abstract list(prefix: string, options?: ListOptions): AsyncIterable<ObjectEntry>

  listFolders(prefix: string, options?: CallOptions): Promise<string[]> {
    return this.around(asking(options), () => this.inner.listFolders(prefix, options))
  }

  delete(key: ObjectKey, options?: CallOptions): Promise<void> {
    return this.around(asking(options), () => this.inner.delete(key, options))
  }

  close(): Promise<void> {
    return this.inner.close()
  }
}

const UNKNOWN_PLACE: PlaceFacts = { versioning: 'unknown', objectLock: 'unknown', defaultRetention: null }

function asking(options: CallOptions | undefined): PassingCall {
  return { sentBytes: 0, signal: options?.signal }
}

function sending(bytes: Uint8Array, options: CallOptions | undefined): PassingCall {
  return { sentBytes: bytes.byteLength, signal: options?.signal }
}
