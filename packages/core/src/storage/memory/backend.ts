import { type Clock, systemClock } from '../../runtime/clock.ts'
import { invariant } from '../../runtime/invariant.ts'
import { checkByteRange, checkRangeWithin } from '../byte-range.ts'
import { objectExists, objectNotFound, objectTooLarge } from '../object-errors.ts'
import { checkFolderPrefix, checkObjectKey, checkPrefix, compareKeys, isBehind } from '../object-key.ts'
import type {
  ByteRange,
  CallOptions,
  ListOptions,
  ObjectEntry,
  ObjectKey,
  ObjectWriter,
  StorageBackend,
  StorageCapabilities,
} from '../storage-backend.ts'
import { MemoryObjectWriter } from './object-writer.ts'

interface StoredObject {
  readonly bytes: Buffer
  readonly modifiedMs: number
}

/** Objects that several {@link MemoryBackend}s can share, as several clients share one bucket. */
export type MemoryStore = Map<ObjectKey, StoredObject>

/** Parts of a {@link MemoryBackend} that have defaults. */
export interface MemoryBackendOptions {
  /** Default: an empty store of its own. */
  readonly store?: MemoryStore
  readonly clock?: Clock
}

/** A store in the memory of this process: for tests and trials. It keeps the contract, except durability. */
export class MemoryBackend implements StorageBackend {
  readonly location: string
  readonly capabilities: StorageCapabilities = {
    putIfAbsent: true,
    readAfterWrite: true,
    isVolatile: true,
  }
  readonly #store: MemoryStore
  readonly #clock: Clock
  #isClosed = false

  constructor(name: string, options: MemoryBackendOptions = {}) {
    this.location = `memory:///${encodeURIComponent(name)}`
    this.#store = options.store ?? new Map()
    this.#clock = options.clock ?? systemClock
  }

  async put(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#begin(options)
    checkObjectKey(key)
    this.#create(key, Buffer.from(bytes))
  }

  async replace(key: ObjectKey, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#begin(options)
    checkObjectKey(key)
    this.#store.set(key, { bytes: Buffer.from(bytes), modifiedMs: this.#clock.nowMs() })
  }

  async openWrite(key: ObjectKey, options?: CallOptions): Promise<ObjectWriter> {
    this.#begin(options)
    checkObjectKey(key)
    return new MemoryObjectWriter((bytes) => this.#create(key, bytes), options?.signal)
  }

  async read(key: ObjectKey, maxBytes: number, options?: CallOptions): Promise<Buffer> {
    this.#begin(options)
    const { bytes } = this.#find(key)
    if (bytes.length > maxBytes) throw objectTooLarge(key, bytes.length, maxBytes)
    return Buffer.from(bytes)
  }

  async readRange(key: ObjectKey, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    this.#begin(options)
    const { bytes } = this.#find(key)
    const result = Buffer.allocUnsafeSlow(this.#checkRange(key, range, bytes.length))
    bytes.copy(result, 0, range.begin, range.end)
    return result
  }

  async stat(key: ObjectKey, options?: CallOptions): Promise<ObjectEntry | undefined> {
    this.#begin(options)
    checkObjectKey(key)
    const stored = this.#store.get(key)
    return stored && entryOf(key, stored)
  }

  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ObjectEntry> {
    this.#begin(options)
    checkPrefix(prefix)
    for (const key of this.#keysBelow(prefix)) {
      this.#begin(options)
      if (!isBehind(key, options?.after)) continue
      const stored = this.#store.get(key)
      if (stored) yield entryOf(key, stored)
    }
  }

  async listFolders(prefix: string, options?: CallOptions): Promise<string[]> {
    this.#begin(options)
    checkFolderPrefix(prefix)
    const folders = new Set<string>()
    for (const key of this.#keysBelow(prefix)) {
      const end = key.indexOf('/', prefix.length)
      if (end >= 0) folders.add(key.slice(prefix.length, end))
    }
    return [...folders].sort(compareKeys)
  }

  async delete(key: ObjectKey, options?: CallOptions): Promise<void> {
    this.#begin(options)
    checkObjectKey(key)
    this.#store.delete(key)
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  #begin(options: CallOptions | undefined): void {
    invariant(!this.#isClosed, `${this.location} is used after close`)
    options?.signal?.throwIfAborted()
  }

  #create(key: ObjectKey, bytes: Buffer): void {
    if (this.#store.has(key)) throw objectExists(key)
    this.#store.set(key, { bytes, modifiedMs: this.#clock.nowMs() })
  }

  #find(key: ObjectKey): StoredObject {
    checkObjectKey(key)
    const stored = this.#store.get(key)
    if (!stored) throw objectNotFound(key)
    return stored
  }

  #checkRange(key: ObjectKey, range: ByteRange, bytes: number): number {
    const rangeBytes = checkByteRange(key, range)
    checkRangeWithin(key, range, bytes)
    return rangeBytes
  }

  #keysBelow(prefix: string): ObjectKey[] {
    return [...this.#store.keys()].filter((key) => key.startsWith(prefix)).sort(compareKeys)
  }
}

function entryOf(key: ObjectKey, stored: StoredObject): ObjectEntry {
  return { key, bytes: stored.bytes.length, modifiedMs: stored.modifiedMs }
}
