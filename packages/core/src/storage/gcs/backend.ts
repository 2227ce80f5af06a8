import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { Budget } from '../../runtime/budget.ts'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { invariant } from '../../runtime/invariant.ts'
import { type Random, systemRandom } from '../../runtime/random.ts'
import { checkByteRange, checkRangeWithin } from '../byte-range.ts'
import { objectNotFound, objectTooLarge } from '../object-errors.ts'
import { checkFolderPrefix, checkObjectKey, checkPrefix } from '../object-key.ts'
import type { PartStore } from '../parts/part-upload.ts'
import { PartWriter } from '../parts/part-writer.ts'
import type {
  ByteRange,
  CallOptions,
  ObjectEntry,
  ObjectKey,
  ObjectWriter,
  PlaceFacts,
  StorageBackend,
  StorageCapabilities,
} from '../storage-backend.ts'
import type { GcsConnection } from './connection.ts'
import { strangeStore } from './errors.ts'
import { inspectBucket } from './inspection.ts'
import { listFolders, listObjects } from './listing.ts'
import { entryOf, GcsObjects } from './object-requests.ts'
import type { GcsPlace } from './place.ts'
import { chunkStoreOf } from './resumable-upload.ts'

/** Parts of a {@link GcsBackend} that have defaults. */
export interface GcsBackendOptions {
  readonly clock?: Clock
  readonly random?: Random
}

/** Chunks of all uploads of a backend that are under way, in bytes: eight of them. */
const CHUNKS_UNDER_WAY_BYTES = 64 * 1024 * 1024

/**
 * Objects of a bucket below a prefix, through the JSON protocol. Exclusive creation is `ifGenerationMatch=0` on simple and
 * on resumable uploads. Requests are made once, but for the chunks of a stream.
 */
export class GcsBackend implements StorageBackend {
  readonly location: string
  readonly capabilities: StorageCapabilities
  readonly #connection: GcsConnection
  readonly #objects: GcsObjects
  readonly #chunks: PartStore
  readonly #clock: Clock
  readonly #random: Random
  readonly #budget = new Budget(CHUNKS_UNDER_WAY_BYTES)
  #isClosed = false

  constructor(place: GcsPlace, location: string, connection: GcsConnection, options: GcsBackendOptions = {}) {
    this.location = location
    this.capabilities = {
      putIfAbsent: !place.isSingleWriter,
      readAfterWrite: true,
      ...(place.isSingleWriter ? { hasSingleWriter: true } : {}),
    }
    this.#connection = connection
    this.#objects = new GcsObjects(place, connection)
    this.#chunks = chunkStoreOf(this.#objects)
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
  }

  async put(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#begin(options)
    checkObjectKey(key)
    await this.#objects.create(key, bytes, options?.signal)
  }

  async replace(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#begin(options)
    checkObjectKey(key)
    await this.#objects.replace(key, bytes, options?.signal)
  }

  async openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    this.#begin(options)
    checkObjectKey(key)
    return new PartWriter({
      key,
      store: this.#chunks,
      signal: options?.signal,
      budget: this.#budget,
      clock: this.#clock,
      random: this.#random,
    })
  }

  async read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer> {
    this.#begin(options)
    checkObjectKey(key)
    return this.#objects.get(key, undefined, options?.signal, async (answer, byteCount) => {
      if (byteCount > maxBytes) {
        answer.body.destroy()
        throw objectTooLarge(key, byteCount, maxBytes)
      }
      return this.#objects.whole(key, answer, byteCount)
    })
  }

  async readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    this.#begin(options)
    checkObjectKey(key)
    const { begin, end } = range
    const byteCount = checkByteRange(key, range)
    // No header of HTTP asks for nothing.
    if (byteCount === 0) return this.#readNothing(key, range, options)
    try {
      const header = `bytes=${begin}-${end - 1}`
      return await this.#objects.get(key, header, options?.signal, async (answer, found) => {
        const isRange = answer.status === 206 && isRangeFrom(answer.headers['content-range'], begin)
        if (!isRange || found > byteCount) {
          answer.body.destroy()
          const reading = this.#objects.attempt('read', key)
          throw strangeStore(reading, 'the store sends other bytes than it was asked for')
        }
        if (found < byteCount) {
          answer.body.destroy()
          checkRangeWithin(key, range, begin + found)
        }
        return this.#objects.whole(key, answer, byteCount)
      })
    } catch (error) {
      // A range that begins behind the end is refused (416): the size tells the rest.
      if (isKafkaBackupError(error, 'KB_STORAGE_UNSUPPORTED')) await this.#readNothing(key, range, options)
      throw error
    }
  }

  async stat(key: ObjectKey, options?: CallOptions): Promise<ObjectEntry | undefined> {
    this.#begin(options)
    checkObjectKey(key)
    const found = await this.#objects.head(key, options?.signal)
    return found ? entryOf(key, found) : undefined
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectEntry> {
    this.#begin(options)
    checkPrefix(prefix)
    yield* listObjects(this.#objects, prefix, options?.signal)
  }

  async listFolders(prefix: string, options?: CallOptions): Promise<string[]> {
    this.#begin(options)
    checkFolderPrefix(prefix)
    return listFolders(this.#objects, prefix, options?.signal)
  }

  async delete(key: ObjectKey, options?: CallOptions): Promise<void> {
    this.#begin(options)
    checkObjectKey(key)
    const call = { method: 'DELETE' as const, path: this.#objects.objectPath(key), expected: [200, 204] }
    try {
      await this.#connection.document({ action: 'delete', subject: key }, options?.signal, call)
    } catch (error) {
      if (!isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) throw error
    }
  }

  async inspectPlace(options?: CallOptions): Promise<PlaceFacts> {
    this.#begin(options)
    return inspectBucket(this.#objects, options?.signal)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#connection.close()
  }

  async #readNothing(key: ObjectKey, range: ByteRange, options: CallOptions | undefined): Promise<Buffer> {
    const found = await this.stat(key, options)
    if (!found) throw objectNotFound(key)
    checkRangeWithin(key, range, found.bytes)
    return Buffer.alloc(0)
  }

  #begin(options: CallOptions | undefined): void {
    invariant(!this.#isClosed, `${this.location} is used after close`)
    options?.signal?.throwIfAborted()
  }
}

function isRangeFrom(header: string | undefined, begin: number): boolean {
  return header?.startsWith(`bytes ${begin}-`) === true
}
