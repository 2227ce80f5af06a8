import { isKafkaBackupError, type KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { Budget } from '../runtime/budget.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { invariant } from '../runtime/invariant.ts'
import { type Random, systemRandom } from '../runtime/random.ts'
import { checkByteRange, checkRangeWithin } from './byte-range.ts'
import { objectNotFound } from './object-errors.ts'
import { checkFolderPrefix, checkObjectKey, checkPrefix, isBehind } from './object-key.ts'
import type { PartStore } from './parts/part-upload.ts'
import { PartWriter } from './parts/part-writer.ts'
import type { RequestGate, RequestHooks } from './request-gate.ts'
import { createSettled, type ExclusiveCreate } from './settled-create.ts'
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
} from './storage-backend.ts'
import { StoreRetry } from './store-retry.ts'

/** The answer to a read, before its body was taken. Exactly one of `whole` and `discard` is called. */
export interface ObjectAnswer {
  readonly byteCount: number
  /** False: these may be other bytes of the object than those that were asked for. */
  readonly isRange: boolean
  /** All bytes of the body. @throws KB_STORAGE_UNAVAILABLE when it breaks off */
  whole(): Promise<Buffer>
  /** Gives up the body, and its connection. */
  discard(): void
}

/**
 * The requests of one store, each made once, by keys that were checked. What they throw is ours. Listings and `delete` are as in
 * {@link StorageBackend}, but that a listing may begin before `after`, and `delete` may say that there is nothing.
 */
export interface ObjectRequests {
  readonly parts: PartStore
  /** The requests of an exclusive creation, for `settled-create.ts`. */
  exclusive(key: ObjectKey, bytes: Uint8Array, signal?: AbortSignal): ExclusiveCreate
  replace(key: ObjectKey, bytes: Uint8Array, signal?: AbortSignal): Promise<void>
  /** @throws KB_OBJECT_NOT_FOUND, KB_LIMIT_EXCEEDED */
  read(key: ObjectKey, maxBytes: number, signal?: AbortSignal): Promise<Buffer>
  /** Of a range that is not empty. @throws KB_STORAGE_UNSUPPORTED when it begins behind the end */
  readRange<T>(
    key: ObjectKey,
    range: ByteRange,
    signal: AbortSignal | undefined,
    take: (answer: ObjectAnswer) => Promise<T>,
  ): Promise<T>
  stat(key: ObjectKey, signal?: AbortSignal): Promise<ObjectEntry | undefined>
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectEntry>
  listFolders(prefix: string, signal?: AbortSignal): Promise<string[]>
  delete(key: ObjectKey, signal?: AbortSignal): Promise<void>
  inspectPlace(signal?: AbortSignal): Promise<PlaceFacts>
  /** KB_STORAGE_UNSUPPORTED: the store sends other bytes of this object than it was asked for. */
  strangeRange(key: ObjectKey): KafkaBackupError
  close(): void
}

/** What an {@link ObjectStoreBackend} is made of. */
export interface ObjectStoreOptions {
  /** Without secrets. */
  readonly location: string
  /** Somebody vouches that one run at a time writes: the condition of exclusive creation is not sent. */
  readonly isSingleWriter: boolean
  readonly requests: ObjectRequests
  readonly hooks: RequestHooks
  readonly clock?: Clock
  readonly random?: Random
}

/** Parts of all uploads of a backend that are under way, in bytes: eight of the usual size. */
const PARTS_UNDER_WAY_BYTES = 64 * 1024 * 1024

/** A place in an object store that is reached by HTTP. Requests are made once, but for the parts of a stream. */
export class ObjectStoreBackend implements StorageBackend {
  readonly location: string
  readonly capabilities: StorageCapabilities
  readonly #requests: ObjectRequests
  readonly #hooks: RequestHooks
  readonly #gate: RequestGate
  readonly #clock: Clock
  readonly #random: Random
  readonly #budget = new Budget(PARTS_UNDER_WAY_BYTES)
  #isClosed = false

  constructor({ location, isSingleWriter, requests, hooks, clock, random }: ObjectStoreOptions) {
    this.location = location
    this.capabilities = {
      putIfAbsent: !isSingleWriter,
      readAfterWrite: true,
      ...(isSingleWriter ? { hasSingleWriter: true } : {}),
      ...(hooks.gate ? { hasGatedWriters: true } : {}),
    }
    this.#requests = requests
    this.#hooks = hooks
    this.#clock = clock ?? systemClock
    this.#random = random ?? systemRandom
    this.#gate = hooks.gate ?? new StoreRetry({ clock: this.#clock, random: this.#random })
  }

  async put(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#begin(options)
    checkObjectKey(key)
    await createSettled(this.#requests.exclusive(key, bytes, options?.signal))
  }

  async replace(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#begin(options)
    checkObjectKey(key)
    await this.#requests.replace(key, bytes, options?.signal)
  }

  async openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    this.#begin(options)
    checkObjectKey(key)
    return new PartWriter({
      key,
      store: this.#requests.parts,
      signal: options?.signal,
      budget: this.#budget,
      gate: this.#gate,
      onLeft: this.#hooks.onLeft ?? (() => undefined),
      clock: this.#clock,
      random: this.#random,
    })
  }

  async read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer> {
    this.#begin(options)
    checkObjectKey(key)
    return this.#requests.read(key, maxBytes, options?.signal)
  }

  async readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    this.#begin(options)
    checkObjectKey(key)
    const byteCount = checkByteRange(key, range)
    // No header of HTTP asks for nothing.
    if (byteCount === 0) return this.#readNothing(key, range, options)
    try {
      return await this.#requests.readRange(key, range, options?.signal, async (answer) => {
        if (answer.isRange && answer.byteCount === byteCount) return answer.whole()
        answer.discard()
        throw this.#requests.strangeRange(key)
      })
    } catch (error) {
      // The object may end in the range, or before it (416): its size tells.
      if (isKafkaBackupError(error, 'KB_STORAGE_UNSUPPORTED')) await this.#readNothing(key, range, options)
      throw error
    }
  }

  async stat(key: ObjectKey, options?: CallOptions): Promise<ObjectEntry | undefined> {
    this.#begin(options)
    checkObjectKey(key)
    return this.#requests.stat(key, options?.signal)
  }

  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ObjectEntry> {
    this.#begin(options)
    checkPrefix(prefix)
    for await (const entry of this.#requests.list(prefix, options)) {
      if (isBehind(entry.key, options?.after)) yield entry
    }
  }

  async listFolders(prefix: string, options?: CallOptions): Promise<string[]> {
    this.#begin(options)
    checkFolderPrefix(prefix)
    return this.#requests.listFolders(prefix, options?.signal)
  }

  async delete(key: ObjectKey, options?: CallOptions): Promise<void> {
    this.#begin(options)
    checkObjectKey(key)
    try {
      await this.#requests.delete(key, options?.signal)
    } catch (error) {
      if (!isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) throw error
    }
  }

  async inspectPlace(options?: CallOptions): Promise<PlaceFacts> {
    this.#begin(options)
    return this.#requests.inspectPlace(options?.signal)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#requests.close()
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
