import { isKafkaBackupError, KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { Budget } from '../../runtime/budget.ts'
import type { Clock } from '../../runtime/clock.ts'
import { withinGrace } from '../../runtime/grace.ts'
import { invariant } from '../../runtime/invariant.ts'
import { LIMITS } from '../../runtime/limits.ts'
import type { Random } from '../../runtime/random.ts'
import type { RequestGate } from '../request-gate.ts'
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
  /** A stream cannot be written again from its begin, so the steps that carry it are made again there. */
  readonly gate: RequestGate
  /** Told of what could not be removed. */
  readonly onLeft: (what: string) => void
  readonly clock: Clock
  readonly random: Random
}

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
        if (this.#buffer.length === store.partBytesOf(this.#nextPart)) await this.#sendPart()
      }
    }
    this.#throwPartFailure()
  }

  async #sendPart(): Promise<void> {
    const { key, store, budget } = this.#context
    invariant(this.#nextPart <= store.partsMax, `the object ${key} has more than ${store.partsMax} parts`)
    const bytes = this.#buffer.take()
    await budget.acquire(bytes.length, this.#signal)
    try {
      this.#upload ??= await this.#beginUpload()
    } catch (error) {
      budget.release(bytes.length)
      throw error
    }
    const task = this.#sendBytes(this.#upload, { number: this.#nextPart++, bytes })
    this.#underWay.add(task)
    void task.then(() => this.#underWay.delete(task))
    if (this.#underWay.size >= store.partsUnderWayMax) await Promise.race(this.#underWay)
    this.#throwPartFailure()
  }

  #beginUpload(): Promise<PartUpload> {
    const { key, store, random } = this.#context
    const begin = () => store.beginUpload(key, random, this.#signal)
    return store.isBegunByRequest ? this.#asking(0, begin) : begin()
  }

  /** Never rejects: a failure waits for the next call. */
  async #sendBytes(upload: PartUpload, part: UploadPart): Promise<void> {
    try {
      // The same part under the same number is what it was before: sending it again is always safe.
      await this.#asking(part.bytes.length, () => upload.sendPart(part, this.#signal))
    } catch (error) {
      this.#partFailure ??= { error }
    } finally {
      this.#context.budget.release(part.bytes.length)
    }
  }

  async #putWhole(): Promise<void> {
    const { key, store } = this.#context
    const bytes = this.#buffer.take()
    await this.#asking(bytes.length, () => store.create(key, bytes, this.#signal))
  }

  async #completeUpload(upload: PartUpload): Promise<void> {
    const keptBytes = this.#keepLastPart(upload)
    if (this.#buffer.length > 0) await this.#sendPart()
    await Promise.all(this.#underWay)
    this.#throwPartFailure()
    await this.#asking(keptBytes, () => upload.complete(this.#signal))
    const { key } = this.#context
    const what = `an upload without parts, of ${key}, whose begin was not answered`
    await this.#clean(upload.removeTwins?.bind(upload), what)
  }

  /** Bytes that travel with the end. */
  #keepLastPart(upload: PartUpload): number {
    if (!upload.keepLastPart) return 0
    const bytes = this.#buffer.take()
    upload.keepLastPart(bytes)
    return bytes.length
  }

  #throwPartFailure(): void {
    if (this.#partFailure) throw this.#partFailure.error
  }

  async #discard(): Promise<void> {
    this.#stopping.abort(new Error('the upload was given up'))
    this.#buffer.take()
    await Promise.all(this.#underWay)
    const what = `parts of an upload that did not end, of ${this.#context.key}`
    await this.#clean(this.#upload?.abort?.bind(this.#upload), what)
  }

  /** Also when the run is stopped: that is when it is needed. But nobody waits long for a store that is silent. */
  async #clean(remove: ((signal: AbortSignal) => Promise<void>) | undefined, what: string): Promise<void> {
    if (!remove) return
    const { key, gate, clock, onLeft } = this.#context
    const reason = () =>
      new KafkaBackupError('KB_STORAGE_UNAVAILABLE', `no parts of ${key} were removed in time`)
    try {
      await withinGrace(clock, { graceMs: LIMITS.cleanupGraceMs, reason }, (signal) =>
        gate.pass({ sentBytes: 0, signal }, () => remove(signal)),
      )
    } catch (error) {
      // What brought us here counts. What stays is invisible, and the store or a rule removes it.
      if (!isKafkaBackupError(error)) throw error
      onLeft(what)
    }
  }

  #asking<T>(sentBytes: number, step: () => Promise<T>): Promise<T> {
    return this.#context.gate.pass({ sentBytes, signal: this.#signal }, step)
  }
}
