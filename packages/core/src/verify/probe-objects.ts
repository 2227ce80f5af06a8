import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { probeKey } from '../repository/key-layout.ts'
import type { Clock } from '../runtime/clock.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { Random } from '../runtime/random.ts'
import { retry } from '../runtime/retry.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import { type StopGrace, startStopGrace } from '../runtime/stop-grace.ts'
import type { ObjectKey, ObjectWriter, StorageBackend } from '../storage/storage-backend.ts'

/** More than a part of a multipart upload in every store, so that it takes two. */
export const STREAMED_BYTES = 9 * 1024 * 1024

/** A person waits for it; a store that is away for longer than this is unreachable. */
const PATIENCE = { firstDelayMs: 200, maxDelayMs: 1_000, giveUpAfterMs: 5_000 }
const DELETIONS_AT_ONCE = 8
const ID_BYTES = 8

/** What became of an exclusive creation; `unclear`: taken, and an earlier attempt of ours may be why. */
export type Creation = 'created' | 'taken' | 'unclear'

/**
 * The objects of one probe: every key is noted before it is written, so that all of them can be removed. A request that writes
 * and removal itself, are not broken off when the run is stopped, since the store could carry it out after the removal; but a silent
 * store is left after {@link LIMITS.cleanupGraceMs}, and the keys are named.
 */
export class ProbeObjects {
  readonly #storage: StorageBackend
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #grace: StopGrace
  readonly #id: string
  readonly #random: Random
  readonly #keys = new Set<ObjectKey>()
  /** Whether anything at all was granted; without that nothing can have been written. */
  #wasServed = false

  constructor(
    storage: StorageBackend,
    context: { readonly clock: Clock; readonly random: Random; readonly signal: AbortSignal },
  ) {
    this.#storage = storage
    this.#clock = context.clock
    this.#random = context.random
    this.#signal = context.signal
    this.#id = context.random.hex(ID_BYTES)
    const { signal: stop, clock } = context
    this.#grace = startStopGrace({ stop, clock, graceMs: LIMITS.cleanupGraceMs, location: storage.location })
  }

  /** For requests that write: broken off when the store is silent after a stop. */
  get writing(): { readonly signal: AbortSignal } {
    return { signal: this.#grace.signal }
  }

  /** To be called when everything is removed. */
  dispose(): void {
    this.#grace.dispose()
  }

  /** A key that nobody else has, noted for removal. */
  key(name: string): ObjectKey {
    const key = probeKey(this.#id, name)
    this.#keys.add(key)
    return key
  }

  /** True for keys of this probe, and not for what an earlier one had to leave. */
  isOurs(key: ObjectKey): boolean {
    return this.#keys.has(key)
  }

  /** Runs an operation again while its failure can pass. */
  attempt<T>(operation: (attempt: number) => Promise<T>): Promise<T> {
    return retry(operation, {
      policy: PATIENCE,
      signal: this.#signal,
      clock: this.#clock,
      random: this.#random,
    })
  }

  /**
   * Asks the store for something, so that nothing was written yet, and nothing is left, when it does not answer. Every other answer
   * will do, a refusal too. @throws KB_STORAGE_UNAVAILABLE
   */
  async reach(): Promise<void> {
    try {
      await this.attempt(() => this.#storage.stat(probeKey(this.#id, 'reach'), { signal: this.#signal }))
      this.#wasServed = true
    } catch (error) {
      if (!isKafkaBackupError(error) || error.retryable || this.#signal.aborted) throw error
    }
  }

  /** Creates an object in one request, exclusively. */
  put(store: StorageBackend, key: ObjectKey, bytes: Uint8Array): Promise<Creation> {
    return this.#create(() => store.put(key, bytes, this.writing))
  }

  /** Creates an object as a stream, exclusively. */
  stream(store: StorageBackend, key: ObjectKey, bytes: Uint8Array): Promise<Creation> {
    return this.#create(async () => {
      const writer = await store.openWrite(key, this.writing)
      await writing(writer, async () => {
        await writer.write([bytes])
        await writer.commit()
      })
    })
  }

  /** Removes what was written, also when the run is stopped. Resolves with the keys that are still there, or may be. */
  async removeAll(): Promise<ObjectKey[]> {
    if (!this.#wasServed) return []
    const left: ObjectKey[] = []
    let isAway = false
    await runConcurrently([...this.#keys], DELETIONS_AT_ONCE, async (key) => {
      const end = isAway ? 'away' : await this.#remove(key)
      if (end !== 'removed') left.push(key)
      // Every further key would take the same patience.
      if (end === 'away') isAway = true
    })
    return left.sort()
  }

  async #remove(key: ObjectKey): Promise<'removed' | 'left' | 'away'> {
    const options = { policy: PATIENCE, clock: this.#clock, random: this.#random, ...this.writing }
    try {
      await retry(() => this.#storage.delete(key, this.writing), options)
      return 'removed'
    } catch (error) {
      if (!isKafkaBackupError(error)) throw error
      if (error.retryable || this.writing.signal.aborted) return 'away'
      // What never came to be is not left either. Whether it did may be secret too.
      const found = await this.#storage.stat(key, this.writing).catch(() => 'unknown' as const)
      return found === undefined ? 'removed' : 'left'
    }
  }

  #create(operation: () => Promise<void>): Promise<Creation> {
    return this.attempt(async (attempt) => {
      try {
        await operation()
        this.#wasServed = true
        return 'created'
      } catch (error) {
        if (!isKafkaBackupError(error, 'KB_OBJECT_EXISTS')) throw error
        this.#wasServed = true
        return attempt === 1 ? 'taken' : 'unclear'
      }
    })
  }
}

/** Gives an upload up when a step of it fails. */
export async function writing(writer: ObjectWriter, step: () => Promise<void>): Promise<void> {
  try {
    await step()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

/** Bytes of which no two ranges of four are the same, and others for each seed. `byteCount` is a multiple of four. */
export function probeBytes(byteCount: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(byteCount)
  for (let at = 0; at < byteCount; at += 4) bytes.writeUInt32LE((at + Math.imul(seed, 0x9e37_79b1)) >>> 0, at)
  return bytes
}
