import type { RateLimiter } from '../runtime/rate-limiter.ts'
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
 * Holds calls so that bytes read and written, together, stay below a rate. What is not known before, the size of a whole object, is
 * a debt that the next call waits for. Answers without content cost nothing.
 */
export class ThrottledBackend extends WrappedBackend {
  readonly #limiter: RateLimiter

  constructor(inner: StorageBackend, limiter: RateLimiter) {
    super(inner)
    this.#limiter = limiter
  }

  override async openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    const writer = await this.inner.openWrite(key, options)
    // Their bytes wait at the gate, where they are counted as often as they are sent.
    if (this.capabilities.hasGatedWriters) return writer
    return {
      write: async (chunks) => {
        const byteCount = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
        await this.#limiter.take(byteCount, options?.signal)
        await writer.write(chunks)
      },
      commit: () => writer.commit(),
      abort: () => writer.abort(),
    }
  }

  override async read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer> {
    // Waits for what others owe; what this one owes is known only afterwards.
    await this.#limiter.take(0, options?.signal)
    const bytes = await this.inner.read(key, maxBytes, options)
    await this.#limiter.take(bytes.byteLength, options?.signal)
    return bytes
  }

  override async readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    await this.#limiter.take(Math.max(range.end - range.begin, 0), options?.signal)
    return this.inner.readRange(key, range, options)
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectEntry> {
    return this.inner.list(prefix, options)
  }

  protected async around<T>({ sentBytes, signal }: PassingCall, step: () => Promise<T>): Promise<T> {
    if (sentBytes > 0) await this.#limiter.take(sentBytes, signal)
    return step()
  }
}
