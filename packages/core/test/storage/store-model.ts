import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { collect, patternBytes } from '../../../testkit/src/conformance/storage-subject.ts'
import { type SeededRandom, seededRandom } from '../../../testkit/src/seeded-random.ts'
import { isKafkaBackupError, KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { readWithSecondLook } from '../../src/repository/second-look.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'

/** What the lanes of a run have seen together. */
export interface ModelTally {
  operations: number
  /** Allowed errors that reached the caller. */
  errors: number
  byCode: Record<string, number>
  /** One lane has failed; the others need not go on. */
  isOver: boolean
}

export function newTally(): ModelTally {
  return { operations: 0, errors: 0, byCode: {}, isOver: false }
}

const KEYS = ['a', 'b', 'c/1', 'c/2', 'd/e/f', 'g']
const MIB = 1024 * 1024
const READ_MAX = 32 * MIB
/** What a store that is not well may answer; everything else is a defect. */
const ALLOWED = ['KB_STORAGE_UNAVAILABLE', 'KB_STORAGE_PERMISSION']

/**
 * Random operations below a prefix of its own, one after the other, beside a map of what should be there. After an error the
 * object may be as before or as it was meant to be, and nothing else; `direct` tells which.
 */
export class StoreModel {
  readonly #backend: StorageBackend
  readonly #direct: StorageBackend
  readonly #prefix: string
  readonly #random: SeededRandom
  readonly #tally: ModelTally
  readonly #objects = new Map<string, Buffer>()
  #bodies = 0

  constructor(
    backend: StorageBackend,
    direct: StorageBackend,
    { prefix, seed, tally }: { readonly prefix: string; readonly seed: number; readonly tally: ModelTally },
  ) {
    this.#backend = backend
    this.#direct = direct
    this.#prefix = prefix
    this.#random = seededRandom(seed)
    this.#tally = tally
  }

  async run(steps: number): Promise<void> {
    const operations = [
      () => this.#put(),
      () => this.#put(),
      () => this.#stream(),
      () => this.#replace(),
      () => this.#delete(),
      () => this.#read(),
      () => this.#read(),
      () => this.#readRange(),
      () => this.#readRange(),
      () => this.#stat(),
      () => this.#list(),
      () => this.#listFolders(),
    ]
    try {
      for (let step = 0; step < steps && !this.#tally.isOver; step++) {
        this.#tally.operations++
        await this.#random.pick(operations)()
      }
    } catch (error) {
      this.#tally.isOver = true
      throw error
    }
  }

  async #put(): Promise<void> {
    const { key, held } = this.#object()
    const bytes = this.#body(this.#random.below(20_000))
    const error = await this.#errorOf(this.#backend.put(key, bytes), ['KB_OBJECT_EXISTS'])
    if (error === undefined) {
      assert.equal(held, undefined, `${key} was taken and put again`)
      this.#objects.set(key, bytes)
    } else if (error !== 'KB_OBJECT_EXISTS' || held === undefined) {
      // Told that its own object exists, a put has nevertheless made it.
      await this.#settle(key, [held, bytes])
    }
  }

  async #stream(): Promise<void> {
    const { key, held } = this.#object()
    const byteCount = this.#random.chance(0.15) ? 9 * MIB : this.#random.below(100_000)
    const bytes = this.#body(byteCount)
    const run = async () => {
      const writer = await this.#backend.openWrite(key)
      try {
        for (let at = 0; at < bytes.length; at += 3 * MIB)
          await writer.write([bytes.subarray(at, at + 3 * MIB)])
        await writer.commit()
      } catch (error) {
        await writer.abort()
        throw error
      }
    }
    const error = await this.#errorOf(run(), held === undefined ? [] : ['KB_OBJECT_EXISTS'])
    if (error === undefined) {
      assert.equal(held, undefined, `${key} was taken and written again`)
      this.#objects.set(key, bytes)
    } else if (error !== 'KB_OBJECT_EXISTS') {
      await this.#settle(key, [held, bytes])
    }
  }

  async #replace(): Promise<void> {
    const { key, held } = this.#object()
    const bytes = this.#body(this.#random.below(20_000))
    const error = await this.#errorOf(this.#backend.replace(key, bytes))
    if (error === undefined) this.#objects.set(key, bytes)
    else await this.#settle(key, [held, bytes])
  }

  async #delete(): Promise<void> {
    const { key, held } = this.#object()
    const error = await this.#errorOf(this.#backend.delete(key))
    if (error === undefined) this.#objects.delete(key)
    else await this.#settle(key, [held, undefined])
  }

  async #read(): Promise<void> {
    const { key, held } = this.#object()
    const found = await this.#answerOf(
      this.#backend.read(key, READ_MAX),
      held === undefined ? ['KB_OBJECT_NOT_FOUND'] : [],
    )
    if (found) this.#assertSame(key, found, held)
  }

  /** As the program reads: it knows the digest of every range. */
  async #readRange(): Promise<void> {
    const { key, held } = this.#object()
    if (!held || held.length === 0) return
    const begin = this.#random.below(held.length)
    const range = { begin, end: begin + 1 + this.#random.below(held.length - begin) }
    const expected = held.subarray(range.begin, range.end)
    const reading = readWithSecondLook(
      () => this.#backend.readRange(key, range),
      (bytes) => {
        if (digestOf(bytes) === digestOf(expected)) return bytes
        throw new KafkaBackupError('KB_SEGMENT_CORRUPT', 'the digest differs')
      },
    )
    const found = await this.#answerOf(reading, [])
    if (found) this.#assertSame(key, found, expected)
  }

  async #stat(): Promise<void> {
    const { key, held } = this.#object()
    const found = await this.#answerOf(
      this.#backend.stat(key).then((entry) => ({ bytes: entry?.bytes })),
      [],
    )
    if (found) assert.equal(found.bytes, held?.length, `stat of ${key}`)
  }

  async #list(): Promise<void> {
    const found = await this.#answerOf(collect(this.#backend.list(`${this.#prefix}/`)), [])
    if (!found) return
    const keys = [...this.#objects.keys()].sort()
    assert.deepEqual(
      found.map(({ key, bytes }) => [key, bytes]),
      keys.map((key) => [key, this.#objects.get(key)?.length]),
    )
  }

  async #listFolders(): Promise<void> {
    const found = await this.#answerOf(this.#backend.listFolders(`${this.#prefix}/`), [])
    const folders = [...this.#objects.keys()].flatMap((key) => {
      const [, first, ...rest] = key.split('/')
      return rest.length > 0 && first !== undefined ? [first] : []
    })
    if (found) assert.deepEqual(found, [...new Set(folders)].sort())
  }

  #object(): { readonly key: string; readonly held: Buffer | undefined } {
    const key = `${this.#prefix}/${this.#random.pick(KEYS)}`
    return { key, held: this.#objects.get(key) }
  }

  /** No two bodies are the same, so that nobody's can pass for another's. */
  #body(byteCount: number): Buffer {
    const bytes = patternBytes(byteCount + 16, this.#random.uint32())
    bytes.write(`${this.#prefix}#${++this.#bodies}`.padEnd(16), 0)
    return bytes
  }

  async #settle(key: string, possible: readonly (Buffer | undefined)[]): Promise<void> {
    const found = await this.#direct.read(key, READ_MAX).catch((error) => {
      if (isKafkaBackupError(error, 'KB_OBJECT_NOT_FOUND')) return undefined
      throw error
    })
    const isPossible = possible.some((bytes) =>
      bytes === undefined ? found === undefined : found !== undefined && bytes.equals(found),
    )
    assert.ok(isPossible, `${key} is neither as it was nor as it was meant to be`)
    if (found) this.#objects.set(key, found)
    else this.#objects.delete(key)
  }

  async #errorOf(promise: Promise<unknown>, more: readonly string[] = []): Promise<string | undefined> {
    try {
      await promise
      return undefined
    } catch (error) {
      return this.#allowed(error, more)
    }
  }

  async #answerOf<T>(promise: Promise<T>, more: readonly string[]): Promise<T | undefined> {
    try {
      return await promise
    } catch (error) {
      this.#allowed(error, more)
      return undefined
    }
  }

  #allowed(error: unknown, more: readonly string[]): string {
    const isAllowed = isKafkaBackupError(error) && [...ALLOWED, ...more].includes(error.code)
    if (!isAllowed) throw error
    if (!more.includes(error.code)) {
      this.#tally.errors++
      this.#tally.byCode[error.code] = (this.#tally.byCode[error.code] ?? 0) + 1
    }
    return error.code
  }

  #assertSame(key: string, found: Buffer, expected: Buffer | undefined): void {
    assert.ok(expected?.equals(found), `${key}: wrong bytes were given for right ones`)
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
