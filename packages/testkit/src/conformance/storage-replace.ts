import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  expectBytes,
  expectKeys,
  type OpenStorageSubject,
  READ_MAX_BYTES,
  withEachClient,
  withSubject,
} from './storage-subject.ts'

const KEY = 'backup/manifest.json'
const REPLACE_COUNT = 40

/** Rendered documents: the old or the new bytes, never a mix, never none. */
export function describeStorageReplace(open: OpenStorageSubject): void {
  describe('replace', () => {
    it('creates, and replaces by shorter and longer bytes', () =>
      withSubject(open, async (backend, subject) => {
        for (const text of ['first', 'x', 'a longer document', '']) {
          await backend.replace(KEY, Buffer.from(text))
          await withEachClient(subject, async (client) => {
            assert.equal((await client.read(KEY, READ_MAX_BYTES)).toString(), text)
          })
        }
        await expectKeys(backend, [KEY])
      }))

    it('is atomic for concurrent readers', () =>
      withSubject(open, async (backend) => {
        // Each version has another size and one repeated byte, so that any mix shows.
        const version = (at: number) => Buffer.alloc(50_000 + at * 1_000, at + 1)
        await backend.replace(KEY, version(0))
        let isReplacing = true
        let readCount = 0
        const reader = async () => {
          while (isReplacing) {
            const bytes = await backend.read(KEY, READ_MAX_BYTES)
            expectBytes(bytes, version((bytes[0] ?? 0) - 1), 'one whole version')
            readCount++
          }
        }
        const readers = [reader(), reader(), reader()]
        try {
          for (let at = 1; at <= REPLACE_COUNT; at++) await backend.replace(KEY, version(at))
        } finally {
          isReplacing = false
        }
        await Promise.all(readers)
        assert.ok(readCount > 0)
      }))

    it('ends with one of the versions when many replace at the same time', () =>
      withSubject(open, async (backend) => {
        await Promise.all(
          Array.from({ length: 16 }, (_, at) => backend.replace(KEY, Buffer.alloc(9_000, at + 1))),
        )
        const bytes = await backend.read(KEY, READ_MAX_BYTES)
        expectBytes(bytes, Buffer.alloc(9_000, bytes[0]))
        await expectKeys(backend, [KEY])
      }))

    it('does nothing once its signal is aborted', () =>
      withSubject(open, async (backend) => {
        await backend.replace(KEY, Buffer.from('old'))
        const reason = new Error('stopped by the test')
        const signal = AbortSignal.abort(reason)
        await assert.rejects(
          backend.replace(KEY, Buffer.from('new'), { signal }),
          (error) => error === reason,
        )
        assert.equal((await backend.read(KEY, READ_MAX_BYTES)).toString(), 'old')
      }))
  })
}
