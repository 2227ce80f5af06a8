import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { Budget } from '../../runtime/budget.ts'
import type { Clock } from '../../runtime/clock.ts'
import { invariant } from '../../runtime/invariant.ts'
import type { Random } from '../../runtime/random.ts'
import { retry } from '../../runtime/retry.ts'
import type { ObjectKey, ObjectWriter } from '../storage-backend.ts'
import { PartBuffer } from './part-buffer.ts'
import type { PartStore, PartUpload, UploadPart } from './part-upload.ts'

/** What surrounds a {@link PartWriter}. */
export interface PartWriterContext {
  readonly key: ObjectKey
  readonly store: PartStore
  readonly signal: AbortSignal | undefined
  /** Bytes of parts under way, shared by all writers of a backend. */
  readonly budget: Budget
  readonly clock: Clock
  readonly random: Random
}

// A stream cannot be written again from its begin, so what carries it is sent again here. Longer than two connections that fall silent.
const WRITE_RETRY = { firstDelayMs: 200, maxDelayMs: 5_000, giveUpAfterMs: 300_000 }

/**
 * Streams an object: what fits into one part is put at `commit`, more becomes an upload of parts. In memory are the part
 * that is filled (no more than the object has so far) and those that are sent, as many as the store takes at a time; those
 * of all writers of a backend share one budget. Any failure is final, as in every store.
 */
export class PartWriter implements ObjectWriter {
  readonly #context: PartWriterContext
  readonly #buffer = new PartBuffer()
  readonly #stopping = new AbortController()
  readonly #signal: AbortSignal
  readonly #underWay = new Set<Promise<void>>()
  #upload: PartUpload | undefined
  #partFailure: { readonly error: unknown } | undefined
  #nextPart = 1
  #state: 'open' | 'committed' | 'aborted' | 'failed' = 'open'
  #failure: unknown
  #isBusy = false
  #lastCall: Promise<void> = Promise.resolve()

  constructor(context: PartWriterContext) {
    this.#context = context
    const { signal } = context
    this.#signal = signal ? AbortSignal.any([signal, this.#stopping.signal]) : this.#stopping.signal
  }

  write(chunks: readonly Uint8Array[]): Promise<void> {
    return this.#call(() => this.#append(chunks))
  }

  commit(): Promise<void> {
    return this.#call(async () => {
      if (this.#upload) await this.#completeUpload(this.#upload)
      else await this.#putWhole()
      this.#state = 'committed'
    })
  }

  async abort(): Promise<void> {
    if (this.#state === 'open') this.#stopping.abort(new Error('the upload was aborted'))
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
    const { key, signal } = this.#context
    if (this.#state === 'failed') throw this.#failure
    invariant(this.#state === 'open', `the writer of ${key} is used after it was ${this.#state}`)
    invariant(!this.#isBusy, `the writer of ${key} is used before its last call resolved`)
    this.#isBusy = true
    try {
      signal?.throwIfAborted()
      await step()
    } catch (error) {
      this.#failure = error
      this.#state = 'failed'
      await this.#discard()
      throw error
    } finally {
      this.#isBusy = false
    }
  }

  async #append(chunks: readonly Uint8Array[]): Promise<void> {
    const { store } = this.#context
    for (const chunk of chunks) {
      let rest = chunk
      while (rest.byteLength > 0) {
        rest = this.#buffer.fill(rest, store.partBytesOf(this.#nextPart))
        if (this.#buffer.length === store.partBytesOf(this.#nextPart)) await this.#sendPart(false)
      }
    }
    this.#throwPartFailure()
  }

  async #sendPart(isLast: boolean): Promise<void> {
    const { key, store, budget, random } = this.#context
    invariant(this.#nextPart <= store.partsMax, `the object ${key} has more than ${store.partsMax} parts`)
    const bytes = this.#buffer.take()
    await budget.acquire(bytes.length, this.#signal)
    try {
      this.#upload ??= await this.#retrying(() => store.beginUpload(key, random, this.#signal))
    } catch (error) {
      budget.release(bytes.length)
      throw error
    }
    const task = this.#sendBytes(this.#upload, { number: this.#nextPart++, bytes, isLast })
    this.#underWay.add(task)
    void task.then(() => this.#underWay.delete(task))
    if (this.#underWay.size >= store.partsUnderWayMax) await Promise.race(this.#underWay)
    this.#throwPartFailure()
  }

  /** Never rejects: a failure waits for the next call. */
  async #sendBytes(upload: PartUpload, part: UploadPart): Promise<void> {
    try {
      // The same part under the same number is what it was before: sending it again is always safe.
      await this.#retrying(() => upload.sendPart(part, this.#signal))
    } catch (error) {
      this.#partFailure ??= { error }
    } finally {
      this.#context.budget.release(part.bytes.length)
    }
  }

  async #putWhole(): Promise<void> {
    const { key, store } = this.#context
    const bytes = this.#buffer.take()
    await this.#retrying(() => store.create(key, bytes, this.#signal))
  }

  async #completeUpload(upload: PartUpload): Promise<void> {
    if (this.#buffer.length > 0) await this.#sendPart(true)
    await Promise.all(this.#underWay)
    this.#throwPartFailure()
    await this.#retrying((attempt) => upload.complete({ isFirst: attempt === 1, signal: this.#signal }))
  }

  #throwPartFailure(): void {
    if (this.#partFailure) throw this.#partFailure.error
  }

  async #discard(): Promise<void> {
    this.#stopping.abort(new Error('the upload was given up'))
    this.#buffer.take()
    await Promise.all(this.#underWay)
    try {
      await this.#upload?.abort()
    } catch (error) {
      // The error that brought us here counts. Parts that stay are invisible, and the store or a rule removes them.
      if (!isKafkaBackupError(error)) throw error
    }
  }

  #retrying<T>(operation: (attempt: number) => Promise<T>): Promise<T> {
    const { clock, random } = this.#context
    return retry(operation, { policy: WRITE_RETRY, signal: this.#signal, clock, random })
  }
}
