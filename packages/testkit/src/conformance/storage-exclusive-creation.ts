import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StorageBackend } from '@kafka-backup/core'
import {
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

const KEY = 'backup/commits/00000000000000000001.json'

/** An object is created by exactly one of any number of writers, and never changes afterwards. */
export function describeExclusiveCreation(open: OpenStorageSubject): void {
  describe('exclusive creation', () => {
    it('has the bytes of a put for every client, and its size in listings', () =>
      withSubject(open, async (backend, subject) => {
        const bytes = patternBytes(10_000, 1)
        await backend.put(KEY, bytes)
        await withEachClient(subject, async (client) => {
          expectBytes(await client.read(KEY, READ_MAX_BYTES), bytes)
          assert.equal((await client.stat(KEY))?.bytes, 10_000)
          await expectKeys(client, [KEY])
        })
      }))

    it('has exactly one winner among 32 racing puts, and the bytes of that one', () =>
      withSubject(open, async (backend) => {
        const racers = Array.from({ length: 32 }, (_, at) => patternBytes(5_000 + at, at))
        await expectOneWinner(
          backend,
          racers,
          racers.map((bytes) => () => backend.put(KEY, bytes)),
        )
      }))

    it('has exactly one winner among 16 streams that commit at the same time', () =>
      withSubject(open, async (backend) => {
        const racers = Array.from({ length: 16 }, (_, at) => patternBytes(70_000 + at, at))
        const writers = await Promise.all(racers.map((bytes) => streamObject(backend, KEY, bytes)))
        await expectOneWinner(
          backend,
          racers,
          writers.map((writer) => () => writer.commit()),
        )
        await Promise.all(writers.map((writer) => writer.abort()))
        await expectKeys(backend, [KEY])
      }))

    it('has exactly one winner among puts and streams of several clients', () =>
      withSubject(open, async (backend, subject) => {
        const other = (await subject.reopen?.()) ?? backend
        const racers = Array.from({ length: 16 }, (_, at) => patternBytes(3_000 + at, at))
        const attempts = racers.map((bytes, at) => async () => {
          const client = at % 4 < 2 ? backend : other
          if (at % 2 === 0) return client.put(KEY, bytes)
          return (await streamObject(client, KEY, bytes)).commit()
        })
        await expectOneWinner(backend, racers, attempts)
        if (other !== backend) await other.close()
      }))

    it('refuses a taken key for ever, and its bytes never change', () =>
      withSubject(open, async (backend, subject) => {
        const bytes = patternBytes(4_096, 7)
        await backend.put(KEY, bytes)
        await expectCode(backend.put(KEY, patternBytes(4_096, 8)), 'KB_OBJECT_EXISTS')
        await expectCode(backend.put(KEY, bytes), 'KB_OBJECT_EXISTS')
        await expectCode(backend.put(KEY, Buffer.alloc(0)), 'KB_OBJECT_EXISTS')
        const late = await streamObject(backend, KEY, patternBytes(100_000, 9))
        await expectCode(late.commit(), 'KB_OBJECT_EXISTS')
        await late.abort()
        await withEachClient(subject, async (client) => {
          expectBytes(await client.read(KEY, READ_MAX_BYTES), bytes)
        })
      }))

    it('keeps bytes of its own: the buffer of a put may be reused', () =>
      withSubject(open, async (backend) => {
        const bytes = Buffer.from('first')
        await backend.put(KEY, bytes)
        bytes.fill(0)
        const read = await backend.read(KEY, READ_MAX_BYTES)
        assert.equal(read.toString(), 'first')
        read.fill(0)
        assert.equal((await backend.read(KEY, READ_MAX_BYTES)).toString(), 'first')
      }))

    it('creates a key again after it was deleted', () =>
      withSubject(open, async (backend) => {
        await backend.put(KEY, Buffer.from('first'))
        await backend.delete(KEY)
        await backend.put(KEY, Buffer.from('second'))
        assert.equal((await backend.read(KEY, READ_MAX_BYTES)).toString(), 'second')
      }))

    it('puts nothing once its signal is aborted, and fails with the reason of the signal', () =>
      withSubject(open, async (backend) => {
        const reason = new Error('stopped by the test')
        const signal = AbortSignal.abort(reason)
        await assert.rejects(backend.put(KEY, Buffer.from('x'), { signal }), (error) => error === reason)
        await expectKeys(backend, [])
        await backend.put(KEY, Buffer.from('y'))
      }))
  })
}

async function expectOneWinner(
  backend: StorageBackend,
  racers: readonly Buffer[],
  attempts: readonly (() => Promise<void>)[],
): Promise<void> {
  const outcomes = await Promise.allSettled(attempts.map((attempt) => attempt()))
  const winners = racers.filter((_, at) => outcomes[at]?.status === 'fulfilled')
  assert.equal(winners.length, 1, 'exactly one winner')
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') await expectCode(Promise.reject(outcome.reason), 'KB_OBJECT_EXISTS')
  }
  expectBytes(
    await backend.read(KEY, READ_MAX_BYTES),
    winners[0] ?? Buffer.alloc(0),
    'the bytes of the winner',
  )
}
