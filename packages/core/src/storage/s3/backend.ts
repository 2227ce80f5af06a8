import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { Budget } from '../../runtime/budget.ts'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { invariant } from '../../runtime/invariant.ts'
import { type Random, systemRandom } from '../../runtime/random.ts'
import { readBody } from '../answer-body.ts'
import { checkByteRange, checkRangeWithin } from '../byte-range.ts'
import { objectNotFound } from '../object-errors.ts'
import { checkFolderPrefix, checkObjectKey, checkPrefix } from '../object-key.ts'
import { PartWriter } from '../parts/part-writer.ts'
import type {
  ByteRange,
  CallOptions,
  ListOptions,
  ObjectEntry,
  ObjectKey,
  ObjectWriter,
  PlaceFacts,
  StorageBackend,
  StorageCapabilities,
} from '../storage-backend.ts'
import type { S3Connection } from './connection.ts'
import { brokenBody, strangeStore } from './errors.ts'
import { listFolders, listObjects } from './listing.ts'
import { bodyOf, discardBody, S3Objects } from './object-requests.ts'
import { partStoreOf } from './part-store.ts'
import type { S3Place } from './place.ts'
import { inspectBucket } from './place-facts.ts'

/** Parts of a {@link S3Backend} that have defaults. */
export interface S3BackendOptions {
  readonly clock?: Clock
  readonly random?: Random
}

/** Parts of all uploads of a backend that are under way, in bytes: eight of the usual size. */
const PARTS_UNDER_WAY_BYTES = 64 * 1024 * 1024

/**
 * Objects of a bucket below a prefix. Exclusive creation is `If-None-Match: *`, which AWS, MinIO, Ceph, R2 and VersityGW
 * honour for whole bodies and for the end of an upload. Requests are made once, but for the parts of a stream.
 */
export class S3Backend implements StorageBackend {
  readonly location: string
  readonly capabilities: StorageCapabilities
  readonly #connection: S3Connection
  readonly #objects: S3Objects
  readonly #clock: Clock
  readonly #random: Random
  readonly #budget = new Budget(PARTS_UNDER_WAY_BYTES)
  #isClosed = false

  constructor(place: S3Place, location: string, connection: S3Connection, options: S3BackendOptions = {}) {
    this.location = location
    this.capabilities = {
      putIfAbsent: !place.isSingleWriter,
      readAfterWrite: true,
      ...(place.isSingleWriter ? { hasSingleWriter: true } : {}),
    }
    this.#connection = connection
    this.#objects = new S3Objects(place, connection)
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
    await this.#objects.put({ key, bytes, isExclusive: false }, options?.signal)
  }

  async openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    this.#begin(options)
    checkObjectKey(key)
    return new PartWriter({
      key,
      store: partStoreOf(this.#objects),
      signal: options?.signal,
      budget: this.#budget,
      clock: this.#clock,
      random: this.#random,
    })
  }

  async read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer> {
    this.#begin(options)
    checkObjectKey(key)
    return this.#objects.getWhole(key, maxBytes, options?.signal)
  }

  async readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    this.#begin(options)
    checkObjectKey(key)
    const byteCount = checkByteRange(key, range)
    // No header of HTTP asks for nothing.
    if (byteCount === 0) return this.#readNothing(key, range, options)
    const header = `bytes=${range.begin}-${range.end - 1}`
    try {
      return await this.#objects.get(key, header, options?.signal, async (answer) => {
        const isPart = answer.ContentRange !== undefined || range.begin === 0
        if (!isPart || this.#lengthOf(key, answer) > byteCount) {
          discardBody(answer)
          throw strangeStore(this.#reading(key), 'the store sends other bytes than it was asked for')
        }
        if (this.#lengthOf(key, answer) < byteCount) {
          discardBody(answer)
          checkRangeWithin(key, range, range.begin + this.#lengthOf(key, answer))
        }
        return this.#whole(key, answer, byteCount)
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
    return { key, bytes: found.ContentLength ?? 0, modifiedMs: found.LastModified?.getTime() ?? 0 }
  }

  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ObjectEntry> {
    this.#begin(options)
    checkPrefix(prefix)
    yield* listObjects(this.#objects, prefix, options)
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
        async ({ sdk, client, options: sending }) => {
          await client.send(new sdk.DeleteObjectCommand(this.#objects.target(key)), sending)
        },
      )
    } catch (error) {
      if (!isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) throw error
    }
  }

  async inspectPlace(options?: CallOptions): Promise<PlaceFacts> {
    this.#begin(options)
    return inspectBucket(this.#connection, this.#objects.place.bucket, options?.signal)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#connection.close()
  }

  async #readNothing(key: ObjectKey, range: ByteRange, options: CallOptions | undefined): Promise<Buffer> {
    const found = await this.#objects.head(key, options?.signal)
    if (!found) throw objectNotFound(key)
    checkRangeWithin(key, range, found.ContentLength ?? 0)
    return Buffer.alloc(0)
  }

  #lengthOf(key: ObjectKey, answer: GetObjectCommandOutput): number {
    if (answer.ContentLength !== undefined) return answer.ContentLength
    discardBody(answer)
    throw strangeStore(this.#reading(key), 'the store does not say how long the object is')
  }

  async #whole(key: ObjectKey, answer: GetObjectCommandOutput, byteCount: number): Promise<Buffer> {
    const bytes = await readBody(bodyOf(answer), byteCount)
    if (!bytes) throw brokenBody(this.#reading(key))
    return bytes
  }

  #reading(key: ObjectKey) {
    return { action: 'read' as const, subject: key, bucket: this.#objects.place.bucket }
  }

  #begin(options: CallOptions | undefined): void {
    invariant(!this.#isClosed, `${this.location} is used after close`)
    options?.signal?.throwIfAborted()
  }
}
