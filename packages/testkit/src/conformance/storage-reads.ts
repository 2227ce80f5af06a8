import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  expectBytes,
  expectCode,
  type OpenStorageSubject,
  patternBytes,
  READ_MAX_BYTES,
  withSubject,
} from './storage-subject.ts'

const KEY = 'backup/topics/orders/segment-1'
const OBJECT_BYTES = 100_003

/** Whole and ranged reads: exactly what was asked for, or an error. */
export function describeStorageReads(open: OpenStorageSubject): void {
  describe('reads', () => {
    it('reads a whole object of up to the limit, and refuses a larger one', () =>
      withSubject(open, async (backend) => {
        const bytes = patternBytes(OBJECT_BYTES, 1)
        await backend.put(KEY, bytes)
        expectBytes(await backend.read(KEY, OBJECT_BYTES), bytes)
        await expectCode(backend.read(KEY, OBJECT_BYTES - 1), 'KB_LIMIT_EXCEEDED')
        await expectCode(backend.read(KEY, 0), 'KB_LIMIT_EXCEEDED')
      }))

    it('reads exact ranges at the begin, in the middle and at the end', () =>
      withSubject(open, async (backend) => {
        const bytes = patternBytes(OBJECT_BYTES, 2)
        await backend.put(KEY, bytes)
        const bounds = [0, 1, 2, 4_095, 4_096, 65_537, OBJECT_BYTES - 1, OBJECT_BYTES]
        for (const begin of bounds) {
          for (const end of bounds.filter((bound) => bound >= begin)) {
            const read = await backend.readRange(KEY, { begin, end })
            assert.ok(Buffer.isBuffer(read))
            expectBytes(read, bytes.subarray(begin, end), `${begin} to ${end}`)
          }
        }
      }))

    it('calls an object that ends before the range corrupt, also for an empty range', () =>
      withSubject(open, async (backend) => {
        await backend.put(KEY, patternBytes(OBJECT_BYTES, 3))
        for (const [begin, end] of [
          [0, OBJECT_BYTES + 1],
          [OBJECT_BYTES - 1, OBJECT_BYTES + 1],
          [OBJECT_BYTES, OBJECT_BYTES + 1],
          [OBJECT_BYTES + 1, OBJECT_BYTES + 1],
          [OBJECT_BYTES + 1_000, OBJECT_BYTES + 2_000],
          [2 ** 52, 2 ** 52 + 10],
        ] as const) {
          await expectCode(backend.readRange(KEY, { begin, end }), 'KB_SEGMENT_CORRUPT')
        }
      }))

    it('refuses an enormous range before it allocates anything', (t) =>
      withSubject(open, async (backend) => {
        await backend.put(KEY, patternBytes(10, 4))
        const methods = (['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const).map((name) =>
          t.mock.method(Buffer, name),
        )
        await assert.rejects(backend.readRange(KEY, { begin: 0, end: 2 ** 40 }), isEither)
        await assert.rejects(backend.readRange(KEY, { begin: 0, end: 300 * 1024 * 1024 }), isEither)
        const sizes = methods.flatMap((method) => method.mock.calls.map((call) => Number(call.arguments[0])))
        assert.ok(sizes.every((byteCount) => byteCount <= READ_MAX_BYTES))
      }))

    it('takes a range that is none for a defect', () =>
      withSubject(open, async (backend) => {
        await backend.put(KEY, patternBytes(10, 5))
        for (const [begin, end] of [
          [-1, 5],
          [5, 4],
          [0.5, 5],
          [0, Number.NaN],
          [0, Number.POSITIVE_INFINITY],
        ] as const) {
          await expectCode(backend.readRange(KEY, { begin, end }), 'KB_INTERNAL')
        }
      }))

    it('reports a missing object, and a folder as missing too', () =>
      withSubject(open, async (backend) => {
        await backend.put(KEY, patternBytes(10, 6))
        for (const key of ['absent', 'backup/absent', 'backup', 'backup/topics/orders', `${KEY}/below`]) {
          await expectCode(backend.read(key, READ_MAX_BYTES), 'KB_OBJECT_NOT_FOUND')
          await expectCode(backend.readRange(key, { begin: 0, end: 1 }), 'KB_OBJECT_NOT_FOUND')
          await expectCode(backend.readRange(key, { begin: 0, end: 0 }), 'KB_OBJECT_NOT_FOUND')
          assert.equal(await backend.stat(key), undefined)
        }
      }))

    it('stores and reads objects without a byte', () =>
      withSubject(open, async (backend) => {
        await backend.put('empty/put', Buffer.alloc(0))
        await backend.replace('empty/replaced', Buffer.alloc(0))
        const writer = await backend.openWrite('empty/streamed')
        await writer.commit()
        for (const key of ['empty/put', 'empty/replaced', 'empty/streamed']) {
          assert.equal((await backend.read(key, 0)).length, 0)
          assert.equal((await backend.readRange(key, { begin: 0, end: 0 })).length, 0)
          assert.equal((await backend.stat(key))?.bytes, 0)
          await expectCode(backend.readRange(key, { begin: 0, end: 1 }), 'KB_SEGMENT_CORRUPT')
        }
        await expectCode(backend.put('empty/put', Buffer.from('x')), 'KB_OBJECT_EXISTS')
      }))

    it('reads many ranges of one object at the same time', () =>
      withSubject(open, async (backend) => {
        const bytes = patternBytes(OBJECT_BYTES, 7)
        await backend.put(KEY, bytes)
        await Promise.all(
          Array.from({ length: 40 }, async (_, at) => {
            const range = { begin: at * 2_000, end: at * 2_000 + 3_000 }
            expectBytes(await backend.readRange(KEY, range), bytes.subarray(range.begin, range.end))
          }),
        )
      }))

    it('stops with the reason of an aborted signal', () =>
      withSubject(open, async (backend) => {
        await backend.put(KEY, patternBytes(10, 8))
        const reason = new Error('stopped by the test')
        const options = { signal: AbortSignal.abort(reason) }
        const isReason = (error: unknown) => error === reason
        await assert.rejects(backend.read(KEY, READ_MAX_BYTES, options), isReason)
        await assert.rejects(backend.readRange(KEY, { begin: 0, end: 1 }, options), isReason)
        await assert.rejects(backend.stat(KEY, options), isReason)
        await assert.rejects(backend.delete(KEY, options), isReason)
        assert.equal((await backend.read(KEY, READ_MAX_BYTES)).length, 10)
      }))
  })
}

function isEither(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'KB_LIMIT_EXCEEDED' || code === 'KB_SEGMENT_CORRUPT'
}
