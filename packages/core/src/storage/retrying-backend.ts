import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { PassingCall } from './request-gate.ts'
import type {
  CallOptions,
  ListOptions,
  ObjectEntry,
  ObjectKey,
  ObjectWriter,
  StorageBackend,
} from './storage-backend.ts'
import { isNotMade, isUnavailable, StoreRetry } from './store-retry.ts'
import { WrappedBackend } from './wrapped-backend.ts'

/**
 * Repeats calls that failed because the store was not available. A put that may have been carried out is settled by its bytes.
 * Writers settle their own requests, so that their failure is final, unless the store was not asked at all; those whose requests
 * pass a gate have been repeated there.
 */
export class RetryingBackend extends WrappedBackend {
  readonly #retry: StoreRetry

  constructor(inner: StorageBackend, retry = new StoreRetry()) {
    super(inner)
    this.#retry = retry
  }

  override put(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    let isUnsure = false
    return this.#retry.repeat(options?.signal, async () => {
      try {
        await this.inner.put(key, bytes, options)
      } catch (error) {
        if (isUnsure && isKafkaBackupError(error, 'KB_OBJECT_EXISTS')) {
          if (await this.#holds(key, bytes, options)) return
        }
        isUnsure ||= isUnavailable(error) && !isNotMade(error)
        throw error
      }
    })
  }

  override async openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    const signal = options?.signal
    if (this.capabilities.hasGatedWriters) return this.inner.openWrite(key, options)
    const writer = await this.around({ sentBytes: 0, signal }, () => this.inner.openWrite(key, options))
    return {
      write: (chunks) => this.#retry.repeat(signal, () => writer.write(chunks), isNotMade),
      commit: () => this.#retry.repeat(signal, () => writer.commit(), isNotMade),
      abort: () => writer.abort(),
    }
  }

  /** Goes on behind the last entry that was given away. */
  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ObjectEntry> {
    let entries: AsyncIterator<ObjectEntry> | undefined
    let last: ObjectEntry | undefined
    const next = async (): Promise<ObjectEntry | undefined> => {
      try {
        if (entries === undefined) {
          entries = this.inner
            .list(prefix, last === undefined ? options : { ...options, after: last.key })
            [Symbol.asyncIterator]()
        }
        const { done, value } = await entries.next()
        return done ? undefined : value
      } catch (error) {
        entries = undefined
        throw error
      }
    }
    try {
      for (;;) {
        const entry = await this.#retry.repeat(options?.signal, next)
        if (entry === undefined) return
        last = entry
        yield entry
      }
    } finally {
      await (entries as AsyncIterator<ObjectEntry> | undefined)?.return?.()
    }
  }

  protected around<T>({ signal }: PassingCall, step: () => Promise<T>): Promise<T> {
    return this.#retry.repeat(signal, step)
  }

  /** Only whole objects of exactly these bytes are ours: whoever meant something else wrote something else. */
  async #holds(key: ObjectKey, bytes: Uint8Array, options: CallOptions | undefined): Promise<boolean> {
    try {
      const found = await this.inner.read(key, bytes.byteLength, options)
      return Buffer.compare(found, bytes) === 0
    } catch (error) {
      if (isKafkaBackupError(error, 'KB_LIMIT_EXCEEDED')) return false
      throw error
    }
  }
}
