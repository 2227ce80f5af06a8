import type { StopGrace } from '../runtime/stop-grace.ts'
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
import { WrappedBackend } from './wrapped-backend.ts'

/**
 * Breaks off what carries no signal, such as a commit, when the run was stopped and the store is silent: a stop waits for what is
 * under way, and not for a store that will not answer. Calls with a signal obey that one alone.
 */
export class LeavingBackend extends WrappedBackend {
  readonly #grace: StopGrace

  constructor(inner: StorageBackend, grace: StopGrace) {
    super(inner)
    this.#grace = grace
  }

  override put(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    return this.inner.put(key, bytes, this.#bounded(options))
  }

  override replace(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    return this.inner.replace(key, bytes, this.#bounded(options))
  }

  override openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    return this.inner.openWrite(key, this.#bounded(options))
  }

  override read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer> {
    return this.inner.read(key, maxBytes, this.#bounded(options))
  }

  override readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    return this.inner.readRange(key, range, this.#bounded(options))
  }

  override stat(key: ObjectKey, options?: CallOptions): Promise<ObjectEntry | undefined> {
    return this.inner.stat(key, this.#bounded(options))
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectEntry> {
    return this.inner.list(prefix, this.#bounded(options))
  }

  override listFolders(prefix: string, options?: CallOptions): Promise<string[]> {
    return this.inner.listFolders(prefix, this.#bounded(options))
  }

  override delete(key: ObjectKey, options?: CallOptions): Promise<void> {
    return this.inner.delete(key, this.#bounded(options))
  }

  override close(): Promise<void> {
    this.#grace.dispose()
    return this.inner.close()
  }

  protected around<T>(_call: PassingCall, step: () => Promise<T>): Promise<T> {
    return step()
  }

  #bounded<Options extends CallOptions>(options: Options | undefined): Options & CallOptions {
    return { ...(options as Options), signal: options?.signal ?? this.#grace.signal }
  }
}
