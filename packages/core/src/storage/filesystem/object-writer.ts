import type { FileHandle } from 'node:fs/promises'
import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { invariant } from '../../runtime/invariant.ts'
import type { ObjectKey, ObjectWriter } from '../storage-backend.ts'
import { translateFilesystemError } from './errors.ts'
import { discardTemporaryFile, type TemporaryFile } from './temporary-files.ts'

/** Bytes after which written data is pushed to the disk in the background, so that `commit` has little left to do. */
const EARLY_SYNC_BYTES = 32 * 1024 * 1024

/** What surrounds a {@link FilesystemObjectWriter}. */
export interface ObjectWriterContext {
  readonly key: ObjectKey
  /** Makes the finished, synced and closed temporary file the object, durably. */
  readonly publish: (temporaryPath: string) => Promise<void>
  readonly signal: AbortSignal | undefined
}

/**
 * Streams into a temporary file and publishes it at `commit`. Any failure is final: the temporary file is removed at
 * once and every later call fails with the same error.
 */
export class FilesystemObjectWriter implements ObjectWriter {
  readonly #context: ObjectWriterContext
  readonly #path: string
  readonly #handle: FileHandle
  #state: 'open' | 'committed' | 'aborted' | 'failed' = 'open'
  #failure: unknown
  #isBusy = false
  #lastCall: Promise<void> = Promise.resolve()
  #unsyncedBytes = 0
  #earlySync: Promise<void> | undefined
  #earlySyncFailure: { readonly error: unknown } | undefined

  constructor(file: TemporaryFile, context: ObjectWriterContext) {
    this.#path = file.path
    this.#handle = file.handle
    this.#context = context
  }

  write(chunks: readonly Uint8Array[]): Promise<void> {
    return this.#call(() => this.#append(chunks))
  }

  commit(): Promise<void> {
    return this.#call(async () => {
      await this.#syncAll()
      // Closed before it is published: some network file systems report a failed write only here.
      await this.#handle.close()
      this.#context.signal?.throwIfAborted()
      await this.#context.publish(this.#path)
      this.#state = 'committed'
    })
  }

  async abort(): Promise<void> {
    await this.#lastCall
    if (this.#state === 'open') {
      this.#state = 'aborted'
      this.#lastCall = this.#discard()
    }
    await this.#lastCall
  }

  #call(step: () => Promise<void>): Promise<void> {
    const result = this.#run(step)
    // `abort` waits for a call that is under way, whatever becomes of it.
    this.#lastCall = Promise.allSettled([this.#lastCall, result]).then(() => undefined)
    return result
  }

  async #run(step: () => Promise<void>): Promise<void> {
    if (this.#state === 'failed') throw this.#failure
    invariant(
      this.#state === 'open',
      `the writer of ${this.#context.key} is used after it was ${this.#state}`,
    )
    invariant(!this.#isBusy, `the writer of ${this.#context.key} is used before its last call resolved`)
    this.#isBusy = true
    try {
      this.#context.signal?.throwIfAborted()
      await step()
    } catch (error) {
      this.#failure = translateFilesystemError(error, 'write', this.#context.key)
      this.#state = 'failed'
      await this.#discard()
      throw this.#failure
    } finally {
      this.#isBusy = false
    }
  }

  async #append(chunks: readonly Uint8Array[]): Promise<void> {
    let pending = chunks.filter((chunk) => chunk.byteLength > 0)
    while (pending.length > 0) {
      const { bytesWritten } = await this.#handle.writev(pending)
      if (bytesWritten === 0) throw this.#stalled()
      this.#unsyncedBytes += bytesWritten
      pending = skipBytes(pending, bytesWritten)
    }
    if (this.#unsyncedBytes >= EARLY_SYNC_BYTES) await this.#beginEarlySync()
  }

  async #beginEarlySync(): Promise<void> {
    // One at a time: waiting here is what slows a writer down to the speed of its disk.
    await this.#earlySync
    this.#throwEarlySyncFailure()
    this.#unsyncedBytes = 0
    this.#earlySync = this.#handle.datasync().catch((error: unknown) => {
      // The system reports a failed write-back once; a later fsync would succeed without the lost pages.
      this.#earlySyncFailure = { error }
    })
  }

  async #syncAll(): Promise<void> {
    await this.#earlySync
    this.#throwEarlySyncFailure()
    await this.#handle.sync()
  }

  #throwEarlySyncFailure(): void {
    if (this.#earlySyncFailure) throw this.#earlySyncFailure.error
  }

  async #discard(): Promise<void> {
    await this.#earlySync
    // The error that brought us here counts; one of closing a file that is removed next does not.
    await this.#handle.close().catch(() => undefined)
    await discardTemporaryFile(this.#path)
  }

  #stalled(): KafkaBackupError {
    const { key } = this.#context
    return new KafkaBackupError('KB_STORAGE_UNAVAILABLE', `cannot write ${key}: the system takes no bytes`, {
      context: { key },
    })
  }
}

function skipBytes(chunks: readonly Uint8Array[], byteCount: number): Uint8Array[] {
  let left = byteCount
  let at = 0
  for (let chunk = chunks[at]; chunk && chunk.byteLength <= left; chunk = chunks[at]) {
    left -= chunk.byteLength
    at++
  }
  const [partial, ...rest] = chunks.slice(at)
  return partial ? [partial.subarray(left), ...rest] : []
}
