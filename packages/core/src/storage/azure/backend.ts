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
import { blockStoreOf } from './block-upload.ts'
import type { AzureConnection } from './connection.ts'
import { strangeStore } from './errors.ts'
import { inspectContainer } from './inspection.ts'
import { listFolders, listObjects } from './listing.ts'
import { AzureObjects, discardBody } from './object-requests.ts'
import type { AzurePlace } from './place.ts'

/** Parts of an {@link AzureBackend} that have defaults. */
export interface AzureBackendOptions {
  readonly clock?: Clock
  readonly random?: Random
}

/** Blocks of all uploads of a backend that are under way, in bytes: eight of the usual size. */
const BLOCKS_UNDER_WAY_BYTES = 64 * 1024 * 1024

/**
 * Block blobs of a container below a prefix. Exclusive creation is `If-None-Match: *` on Put Blob and on Put Block List.
 * Requests are made once, but for the blocks of a stream.
 */
export class AzureBackend implements StorageBackend {
  readonly location: string
  readonly capabilities: StorageCapabilities
  readonly #connection: AzureConnection
  readonly #objects: AzureObjects
  readonly #blocks: PartStore
  readonly #clock: Clock
  readonly #random: Random
  readonly #budget = new Budget(BLOCKS_UNDER_WAY_BYTES)
  #isClosed = false

  constructor(
    place: AzurePlace,
    location: string,
    connection: AzureConnection,
    options: AzureBackendOptions = {},
  ) {
    this.location = location
    this.capabilities = {
      putIfAbsent: !place.isSingleWriter,
      readAfterWrite: true,
      ...(place.isSingleWriter ? { hasSingleWriter: true } : {}),
    }
    this.#connection = connection
    this.#objects = new AzureObjects(place, connection)
    this.#blocks = blockStoreOf(this.#objects)
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
      store: this.#blocks,
      signal: options?.signal,
      budget: this.#budget,
      clock: this.#clock,
      random: this.#random,
    })
  }

  async read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer> {
    this.#begin(options)
    checkObjectKey(key)
    return this.#objects.get(key, undefined, options?.signal, async (answer) => {
      if (answer.byteCount > maxBytes) {
        discardBody(answer)
        throw objectTooLarge(key, answer.byteCount, maxBytes)
      }
      return this.#objects.whole(key, answer, answer.byteCount)
    })
  }

  async readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    this.#begin(options)
    checkObjectKey(key)
    const { begin } = range
    const byteCount = checkByteRange(key, range)
    // No header of HTTP asks for nothing.
    if (byteCount === 0) return this.#readNothing(key, range, options)
    try {
      return await this.#objects.get(key, { begin, byteCount }, options?.signal, async (answer) => {
        if (!(answer.isPart || begin === 0) || answer.byteCount > byteCount) {
          discardBody(answer)
          const reading = this.#objects.attempt('read', key)
          throw strangeStore(reading, 'the store sends other bytes than it was asked for')
        }
        if (answer.byteCount < byteCount) {
          discardBody(answer)
          checkRangeWithin(key, range, begin + answer.byteCount)
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
    if (!found) return undefined
    return { key, bytes: found.contentLength ?? 0, modifiedMs: found.lastModified?.getTime() ?? 0 }
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
    try {
      await this.#connection.request(
        { action: 'delete', subject: key },
        options?.signal,
        ({ container, options: sending }) =>
          container.getBlobClient(this.#objects.fullKey(key)).delete(sending),
      )
    } catch (error) {
      if (!isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) throw error
    }
  }

  async inspectPlace(options?: CallOptions): Promise<PlaceFacts> {
    this.#begin(options)
    return inspectContainer(this.#connection, options?.signal)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#connection.close()
  }

  async #readNothing(key: ObjectKey, range: ByteRange, options: CallOptions | undefined): Promise<Buffer> {
    const found = await this.#objects.head(key, options?.signal)
    if (!found) throw objectNotFound(key)
    checkRangeWithin(key, range, found.contentLength ?? 0)
    return Buffer.alloc(0)
  }

  #begin(options: CallOptions | undefined): void {
    invariant(!this.#isClosed, `${this.location} is used after close`)
    options?.signal?.throwIfAborted()
  }
}
