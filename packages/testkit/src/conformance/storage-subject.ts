import assert from 'node:assert/strict'
import type { StorageBackend } from '@kafka-backup/core'

type ObjectWriter = Awaited<ReturnType<StorageBackend['openWrite']>>
type ObjectEntry = NonNullable<Awaited<ReturnType<StorageBackend['stat']>>>

/** One opened store that is empty at first. Each test opens its own. */
export interface StorageSubject {
  readonly backend: StorageBackend
  /** Another client of the same place; the suite closes it. */
  readonly reopen?: () => Promise<StorageBackend>
  /** Removes the store and closes what `open` opened. The backend may be closed already. */
  readonly close: () => Promise<void>
}

/** Opens an empty store. */
export type OpenStorageSubject = () => Promise<StorageSubject>

/** Runs `test` with a fresh store and closes it, also when the test fails. */
export async function withSubject(
  open: OpenStorageSubject,
  test: (backend: StorageBackend, subject: StorageSubject) => Promise<void>,
): Promise<void> {
  const subject = await open()
  try {
    await test(subject.backend, subject)
  } finally {
    await subject.close()
  }
}

/** Runs `check` with the backend itself and, where the store can be reopened, with a second client too. */
export async function withEachClient(
  subject: StorageSubject,
  check: (backend: StorageBackend) => Promise<void>,
): Promise<void> {
  await check(subject.backend)
  const other = await subject.reopen?.()
  if (!other) return
  try {
    await check(other)
  } finally {
    await other.close()
  }
}

/** Asserts that the promise is rejected with one of our errors of this code. */
export async function expectCode(promise: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof Error, `not an error: ${error}`)
    assert.equal((error as Error & { code?: unknown }).code, code, error.stack ?? error.message)
    return true
  })
}

/** Asserts equal bytes. Not `deepEqual`: to render the difference of long buffers takes it minutes. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array, story = 'the same bytes'): void {
  assert.equal(actual.length, expected.length, `${story}: length`)
  if (Buffer.compare(actual, expected) === 0) return
  const at = actual.findIndex((byte, index) => byte !== expected[index])
  assert.fail(`${story}: they differ at byte ${at} of ${expected.length}`)
}

/** Asserts that the whole store holds these keys, in this order. */
export async function expectKeys(
  backend: StorageBackend,
  keys: readonly string[],
  prefix = '',
): Promise<void> {
  const entries = await collect(backend.list(prefix))
  assert.deepEqual(
    entries.map((entry) => entry.key),
    keys,
  )
}

/** All entries of a listing. */
export async function collect(entries: AsyncIterable<ObjectEntry>): Promise<ObjectEntry[]> {
  const result: ObjectEntry[] = []
  for await (const entry of entries) result.push(entry)
  return result
}

/** Puts `key` as a streamed object of one chunk. */
export async function streamObject(
  backend: StorageBackend,
  key: string,
  bytes: Uint8Array,
): Promise<ObjectWriter> {
  const writer = await backend.openWrite(key)
  await writer.write([bytes])
  return writer
}

/** The same pseudo-random bytes for the same seed and length. */
export function patternBytes(byteCount: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(byteCount)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let at = 0; at < byteCount; at++) {
    // xorshift32: fast, and no period that could hide swapped chunks.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state
  }
  return bytes
}

/** Larger than any small object of the suite; the limit of whole reads. */
export const READ_MAX_BYTES = 1024 * 1024
