import {
  type ByteRange,
  createSettledAgain,
  type ExclusiveCreate,
  KafkaBackupError,
  type ListOptions,
  type ObjectAnswer,
  type ObjectEntry,
  type ObjectKey,
  type ObjectRequests,
  ObjectStoreBackend,
  objectExists,
  objectNotFound,
  objectTooLarge,
  type PartStore,
  type PartUpload,
  type RequestHooks,
  type StorageBackend,
} from '@kafka-backup/core/internal'
import type { FaultPlan } from './faults.ts'
import type { SimulatedBucket, StoredObject } from './simulated-bucket.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** How a process reaches a bucket. */
export interface SimulatedStoreOptions {
  readonly bucket: SimulatedBucket
  readonly process: SimulatedProcess
  readonly faults: FaultPlan
  readonly hooks?: RequestHooks
  /** Bytes of a part of an upload. */
  readonly partBytes?: number
}

const PART_BYTES = 16 * 1024

/** A store as object stores are: the requests are simulated, and the backend in front of them is that of the program. */
export function openSimulatedStore(options: SimulatedStoreOptions): StorageBackend {
  const { process, hooks = {} } = options
  return new ObjectStoreBackend({
    location: 'simulated:///bucket',
    isSingleWriter: false,
    requests: new SimulatedRequests(options),
    hooks,
    clock: process.clock,
    random: process.random,
  })
}

class SimulatedRequests implements ObjectRequests {
  readonly parts: PartStore
  readonly #bucket: SimulatedBucket
  readonly #process: SimulatedProcess
  readonly #faults: FaultPlan

  constructor({ bucket, process, faults, partBytes = PART_BYTES }: SimulatedStoreOptions) {
    this.#bucket = bucket
    this.#process = process
    this.#faults = faults
    this.parts = {
      partsMax: 10_000,
      partsUnderWayMax: 2,
      partBytesOf: () => partBytes,
      isBegunByRequest: true,
      beginUpload: async (key, _random, signal) => {
        await this.#ask(`beginning the upload of ${key}`, () => undefined, signal)
        return this.#upload(key)
      },
      create: (key, bytes, signal) => createSettledAgain(this.exclusive(key, bytes, signal)),
    }
  }

  exclusive(key: ObjectKey, bytes: Uint8Array, signal?: AbortSignal): ExclusiveCreate {
    const sent = Buffer.from(bytes)
    return {
      key,
      put: () => this.#ask(`creating ${key}`, () => this.#bucket.create(key, sent), signal),
      compare: () =>
        this.#ask(
          `comparing ${key}`,
          () => {
            const found = this.#bucket.objects.get(key)
            return found ? (found.bytes.equals(sent) ? 'same' : 'other') : 'absent'
          },
          signal,
        ),
    }
  }

  replace(key: ObjectKey, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    const sent = Buffer.from(bytes)
    return this.#ask(`replacing ${key}`, () => this.#bucket.replace(key, sent), signal)
  }

  read(key: ObjectKey, maxBytes: number, signal?: AbortSignal): Promise<Buffer> {
    return this.#ask(
      `reading ${key}`,
      () => {
        const { bytes } = this.#find(key)
        if (bytes.length > maxBytes) throw objectTooLarge(key, bytes.length, maxBytes)
        return Buffer.from(bytes)
      },
      signal,
    )
  }

  async readRange<T>(
    key: ObjectKey,
    range: ByteRange,
    signal: AbortSignal | undefined,
    take: (answer: ObjectAnswer) => Promise<T>,
  ): Promise<T> {
    const body = await this.#ask(
      `reading a range of ${key}`,
      () => {
        const { bytes } = this.#find(key)
        if (range.begin >= bytes.length) throw this.strangeRange(key)
        return Buffer.from(bytes.subarray(range.begin, range.end))
      },
      signal,
    )
    return take({ byteCount: body.length, isRange: true, whole: async () => body, discard: () => undefined })
  }

  stat(key: ObjectKey, signal?: AbortSignal): Promise<ObjectEntry | undefined> {
    const look = () => {
      const found = this.#bucket.objects.get(key)
      return found && entryOf(key, found)
    }
    return this.#ask(`looking at ${key}`, look, signal)
  }

  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ObjectEntry> {
    const lagMs = this.#faults.listLagMs()
    const look = () => this.#bucket.keys(prefix, lagMs)
    for (const key of await this.#ask(`listing ${prefix}`, look, options?.signal)) {
      const found = this.#bucket.objects.get(key)
      if (found) yield entryOf(key, found)
    }
  }

  listFolders(prefix: string, signal?: AbortSignal): Promise<string[]> {
    const look = () => {
      const rests = this.#bucket.keys(prefix, 0).map((key) => key.slice(prefix.length))
      return [...new Set(rests.filter((rest) => rest.includes('/')).map((rest) => rest.split('/', 1)[0]!))]
    }
    return this.#ask(`listing the folders of ${prefix}`, look, signal)
  }

  delete(key: ObjectKey, signal?: AbortSignal): Promise<void> {
    return this.#ask(`deleting ${key}`, () => this.#bucket.delete(key), signal)
  }

  async inspectPlace() {
    return { versioning: 'unknown', objectLock: 'unknown', defaultRetention: null } as const
  }

  strangeRange(key: ObjectKey): KafkaBackupError {
    return new KafkaBackupError('KB_STORAGE_UNSUPPORTED', `${key}: no such range`, { context: { key } })
  }

  close(): void {}

  /** Parts are invisible until the end, and stay so when it never comes. */
  #upload(key: ObjectKey): PartUpload {
    const parts = new Map<number, Buffer>()
    const whole = () => Buffer.concat([...parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes))
    let made: StoredObject | undefined
    let isOver = false
    const complete = () => {
      if (isOver) throw new GoneUploadError(`the upload of ${key} is over`)
      this.#bucket.create(key, whole())
      isOver = true
      made = this.#bucket.objects.get(key)
    }
    const remove = () => {
      isOver = true
      parts.clear()
    }
    const compare = () => {
      const found = this.#bucket.objects.get(key)
      return found ? (found === made ? 'same' : 'other') : 'absent'
    }
    return {
      sendPart: ({ number, bytes }, signal) => {
        const sent = Buffer.from(bytes)
        return this.#ask(`sending part ${number} of ${key}`, () => void parts.set(number, sent), signal)
      },
      complete: (signal) =>
        createSettledAgain({
          key,
          put: async () => {
            try {
              await this.#ask(`completing ${key}`, complete, signal)
            } catch (error) {
              if (error instanceof GoneUploadError) throw objectExists(key)
              throw error
            }
          },
          compare: () => this.#ask(`comparing ${key}`, compare, signal),
        }),
      abort: (signal) => this.#ask(`removing the parts of ${key}`, remove, signal),
    }
  }

  #ask<T>(what: string, effect: () => T, signal: AbortSignal | undefined): Promise<T> {
    return this.#process.perform(what, effect, this.#faults.storeFate(what), signal)
  }

  #find(key: ObjectKey): StoredObject {
    const stored = this.#bucket.objects.get(key)
    if (!stored) throw objectNotFound(key)
    return stored
  }
}

class GoneUploadError extends Error {}

function entryOf(key: ObjectKey, { bytes, modifiedMs }: StoredObject): ObjectEntry {
  return { key, bytes: bytes.length, modifiedMs }
}
