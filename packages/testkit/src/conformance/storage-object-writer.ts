import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { StorageBackend } from '@kafka-backup/core'
import {
  collect,
  expectBytes,
  expectCode,
  expectKeys,
  type OpenStorageSubject,
  patternBytes,
  READ_MAX_BYTES,
  streamObject,
  withEachClient,
  withSubject,
} from './storage-subject.ts'

const KEY = 'backup/topics/orders/partition=3/segment-0000000001-00c0ffee.zst'
const LARGE_BYTES = 40 * 1024 * 1024

/** Streamed creation: all or nothing. */
export function describeObjectWriter(open: OpenStorageSubject): void {
  describe('object writer', () => {
    it('shows nothing before commit, and everything after', () =>
      withSubject(open, async (backend, subject) => {
        const bytes = patternBytes(300_000, 1)
        const writer = await backend.openWrite(KEY)
        await withEachClient(subject, expectAbsent)
        await writer.write([bytes.subarray(0, 100_000)])
        await withEachClient(subject, expectAbsent)
        await writer.write([bytes.subarray(100_000)])
        await withEachClient(subject, expectAbsent)
        await writer.commit()
        await withEachClient(subject, async (client) => {
          expectBytes(await client.read(KEY, READ_MAX_BYTES), bytes)
          await expectKeys(client, [KEY])
        })
      }))

    it('leaves nothing after abort, however often it is called', () =>
      withSubject(open, async (backend, subject) => {
        const writer = await streamObject(backend, KEY, patternBytes(300_000, 1))
        await Promise.all([writer.abort(), writer.abort()])
        await writer.abort()
        await withEachClient(subject, expectAbsent)
        await backend.put(KEY, Buffer.from('free again'))
      }))

    it('can be aborted at once, without a write', () =>
      withSubject(open, async (backend) => {
        const writer = await backend.openWrite(KEY)
        await writer.abort()
        await expectAbsent(backend)
      }))

    it('can be aborted while a write is under way', () =>
      withSubject(open, async (backend) => {
        const writer = await backend.openWrite(KEY)
        const write = writer.write([patternBytes(1_000_000, 1)])
        await writer.abort()
        await write.catch(() => undefined)
        await expectAbsent(backend)
      }))

    it('can be aborted after a failed commit, without harm to the object that won', () =>
      withSubject(open, async (backend) => {
        await backend.put(KEY, Buffer.from('winner'))
        const writer = await streamObject(backend, KEY, Buffer.from('loser'))
        await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
        await writer.abort()
        await writer.abort()
        await assert.rejects(writer.commit())
        assert.equal((await backend.read(KEY, READ_MAX_BYTES)).toString(), 'winner')
      }))

    it('keeps the object when abort is called after commit', () =>
      withSubject(open, async (backend) => {
        const writer = await streamObject(backend, KEY, Buffer.from('kept'))
        await writer.commit()
        await writer.abort()
        assert.equal((await backend.read(KEY, READ_MAX_BYTES)).toString(), 'kept')
      }))

    it('is closed after commit and after abort: using it is a defect', () =>
      withSubject(open, async (backend) => {
        const committed = await streamObject(backend, KEY, Buffer.from('once'))
        await committed.commit()
        await expectCode(committed.write([Buffer.from('more')]), 'KB_INTERNAL')
        await expectCode(committed.commit(), 'KB_INTERNAL')
        const aborted = await streamObject(backend, `${KEY}.other`, Buffer.from('once'))
        await aborted.abort()
        await expectCode(aborted.write([Buffer.from('more')]), 'KB_INTERNAL')
        await expectCode(aborted.commit(), 'KB_INTERNAL')
        await expectKeys(backend, [KEY])
      }))

    it('lets the caller reuse its chunks once write resolves', () =>
      withSubject(open, async (backend) => {
        const chunk = Buffer.alloc(10_000)
        const writer = await backend.openWrite(KEY)
        for (let at = 0; at < 20; at++) {
          chunk.fill(at)
          await writer.write([chunk.subarray(0, 5_000), chunk.subarray(5_000)])
        }
        chunk.fill(0xff)
        await writer.commit()
        const expected = Buffer.concat(Array.from({ length: 20 }, (_, at) => Buffer.alloc(10_000, at)))
        expectBytes(await backend.read(KEY, READ_MAX_BYTES), expected)
      }))

    it('takes empty chunks, empty lists, very many chunks, and plain Uint8Arrays', () =>
      withSubject(open, async (backend) => {
        const bytes = patternBytes(5_000, 3)
        const single = Array.from(bytes, (_, at) => new Uint8Array(bytes.subarray(at, at + 1)))
        const writer = await backend.openWrite(KEY)
        await writer.write([])
        await writer.write([Buffer.alloc(0), Buffer.alloc(0)])
        await writer.write([Buffer.alloc(0), ...single, Buffer.alloc(0)])
        await writer.commit()
        expectBytes(await backend.read(KEY, READ_MAX_BYTES), bytes)
      }))

    it('streams 40 MiB of odd-sized chunks without a changed byte', () =>
      withSubject(open, async (backend, subject) => {
        const writer = await backend.openWrite(KEY)
        const written = await streamOddChunks((chunks) => writer.write(chunks))
        await expectAbsent(backend)
        await writer.commit()
        await withEachClient(subject, async (client) => {
          assert.equal((await client.stat(KEY))?.bytes, LARGE_BYTES)
          assert.equal(await digestByRanges(client), written)
        })
      }))

    it('stops with the reason of its signal, and leaves nothing', () =>
      withSubject(open, async (backend, subject) => {
        const reason = new Error('stopped by the test')
        const abortion = new AbortController()
        const writer = await backend.openWrite(KEY, { signal: abortion.signal })
        await writer.write([patternBytes(100_000, 1)])
        abortion.abort(reason)
        await assert.rejects(writer.write([Buffer.from('more')]), (error) => error === reason)
        await assert.rejects(writer.commit(), (error) => error === reason)
        await writer.abort()
        await withEachClient(subject, expectAbsent)
        await assert.rejects(backend.openWrite(KEY, { signal: abortion.signal }), (error) => error === reason)
      }))
  })
}

async function expectAbsent(backend: StorageBackend): Promise<void> {
  assert.equal(await backend.stat(KEY), undefined)
  await expectCode(backend.read(KEY, READ_MAX_BYTES), 'KB_OBJECT_NOT_FOUND')
  assert.deepEqual(await collect(backend.list('')), [])
  assert.deepEqual(await backend.listFolders(''), [])
}

async function streamOddChunks(write: (chunks: Uint8Array[]) => Promise<void>): Promise<string> {
  const hash = createHash('sha256')
  const pool = patternBytes(3 * 1024 * 1024, 11)
  let left = LARGE_BYTES
  for (let round = 0; left > 0; round++) {
    const chunks: Uint8Array[] = []
    for (let at = 0; at < 5 && left > 0; at++) {
      const byteCount = Math.min(left, 1 + ((round * 7_919 + at * 104_729) % 900_001))
      const begin = (round * 31_337) % (pool.length - byteCount)
      chunks.push(pool.subarray(begin, begin + byteCount))
      left -= byteCount
    }
    for (const chunk of chunks) hash.update(chunk)
    await write(chunks)
  }
  return hash.digest('hex')
}

async function digestByRanges(backend: StorageBackend): Promise<string> {
  const hash = createHash('sha256')
  const stepBytes = 4 * 1024 * 1024 - 1
  for (let begin = 0; begin < LARGE_BYTES; begin += stepBytes) {
    hash.update(await backend.readRange(KEY, { begin, end: Math.min(begin + stepBytes, LARGE_BYTES) }))
  }
  return hash.digest('hex')
}
