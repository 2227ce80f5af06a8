import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StorageBackend } from '@kafka-backup/core'
import {
  collect,
  expectKeys,
  type OpenStorageSubject,
  READ_MAX_BYTES,
  withEachClient,
  withSubject,
} from './storage-subject.ts'

const MINUTE_MS = 60_000
const MANY_COUNT = 1_200
const PARALLEL_COUNT = 32

/** Sorted by bytes of UTF-8; '-' and '.' come before '/', '0' and letters after; U+FF5E comes before U+1F600. */
const ORDERED_KEYS = [
  'a',
  'a-b',
  'a-b-',
  'a.b/c',
  'a0',
  'aa/b',
  'b-c/d',
  'b-c0',
  'b/c',
  'b/c-d/e',
  'b/c.d',
  'b/c0',
  'b0/c',
  'z/\u00e9',
  'z/\uff5e',
  'z/\u{1f600}',
]

/** Stat, list, list of folders, delete and close. */
export function describeStorageEntries(open: OpenStorageSubject): void {
  describe('entries', () => {
    it('tells size and time of one object', () =>
      withSubject(open, async (backend) => {
        const beforeMs = await nowMsOf(backend)
        await backend.put('a/b', Buffer.alloc(1_234))
        const entry = await backend.stat('a/b')
        assert.equal(entry?.key, 'a/b')
        assert.equal(entry?.bytes, 1_234)
        assert.ok(Number.isInteger(entry?.modifiedMs))
        assert.ok(Math.abs((entry?.modifiedMs ?? 0) - beforeMs) < MINUTE_MS)
        assert.deepEqual(await collect(backend.list('a/b')), [entry])
      }))

    it('lists an empty store, and an absent prefix, as nothing', () =>
      withSubject(open, async (backend) => {
        await expectKeys(backend, [])
        await expectKeys(backend, [], 'absent/')
        await expectKeys(backend, [], 'absent/more')
        assert.deepEqual(await backend.listFolders(''), [])
        assert.deepEqual(await backend.listFolders('absent/'), [])
      }))

    it('lists in ascending byte order of the full keys', () =>
      withSubject(open, async (backend, subject) => {
        for (const key of ORDERED_KEYS.toReversed()) await backend.put(key, Buffer.from(key))
        await withEachClient(subject, (client) => expectKeys(client, ORDERED_KEYS))
      }))

    it('lists by prefixes that are no folder borders', () =>
      withSubject(open, async (backend) => {
        await putAll(backend, ORDERED_KEYS)
        for (const prefix of [
          'a',
          'a-',
          'a-b',
          'a.',
          'aa/b',
          'b',
          'b/',
          'b/c',
          'b/c-',
          'b-c',
          'z/',
          'bb',
          'b/c/',
        ]) {
          const expected = ORDERED_KEYS.filter((key) => key.startsWith(prefix))
          await expectKeys(backend, expected, prefix)
        }
      }))

    it('lists only what is behind a key, where it is asked to', () =>
      withSubject(open, async (backend) => {
        await putAll(backend, ORDERED_KEYS)
        // Also such that there is no object of; the first is before all keys, the last behind them.
        for (const after of ['A', 'a', 'a-b', 'aa', 'b/c', 'b/c.', 'z/\uff5e', 'z/\u{1f600}', 'zz']) {
          for (const prefix of ['', 'b/c']) {
            const expected = ORDERED_KEYS.filter((key) => key.startsWith(prefix) && isBehind(key, after))
            const found = await collect(backend.list(prefix, { after }))
            assert.deepEqual(
              found.map(({ key }) => key),
              expected,
              `${prefix} behind ${after}`,
            )
          }
        }
      }))

    it('lists 1,200 keys, each once', () =>
      withSubject(open, async (backend) => {
        const keys = Array.from(
          { length: MANY_COUNT },
          (_, at) => `many/${at % 3}/key-${String(at).padStart(5, '0')}`,
        )
        await putAll(backend, keys)
        await expectKeys(backend, keys.toSorted())
        await expectKeys(backend, keys.filter((key) => key.startsWith('many/1/')).toSorted(), 'many/1/')
      }))

    it('lists the distinct folders after a prefix, ascending, and no objects', () =>
      withSubject(open, async (backend) => {
        const keys = ['b/x', 'a/x', 'a/y/z', 'a-b/x', 'a0/x', 'file', 'a/y/w/v', 'c/d/e/f/g']
        await putAll(backend, keys)
        assert.deepEqual(await backend.listFolders(''), ['a', 'a-b', 'a0', 'b', 'c'])
        assert.deepEqual(await backend.listFolders('a/'), ['y'])
        assert.deepEqual(await backend.listFolders('a/y/'), ['w'])
        assert.deepEqual(await backend.listFolders('c/d/e/f/'), [])
      }))

    it('lists no folder whose objects are all deleted', () =>
      withSubject(open, async (backend) => {
        await putAll(backend, ['a/b/c/d', 'e/f'])
        await backend.delete('a/b/c/d')
        assert.deepEqual(await backend.listFolders(''), ['e'])
        assert.deepEqual(await backend.listFolders('a/'), [])
        await expectKeys(backend, ['e/f'])
      }))

    it('deletes one object, and an absent one without an error', () =>
      withSubject(open, async (backend, subject) => {
        await putAll(backend, ['a/b', 'a/bc', 'a/b0'])
        await backend.delete('a/b')
        await backend.delete('a/b')
        await backend.delete('never/there')
        await backend.delete('a')
        await withEachClient(subject, (client) => expectKeys(client, ['a/b0', 'a/bc']))
      }))

    it('deletes while it lists', () =>
      withSubject(open, async (backend) => {
        const keys = Array.from({ length: 100 }, (_, at) => `old/${at % 7}/${at + 100}`)
        await putAll(backend, keys)
        for await (const entry of backend.list('old/')) await backend.delete(entry.key)
        await expectKeys(backend, [])
      }))

    it('stops listing with the reason of its signal', () =>
      withSubject(open, async (backend) => {
        await putAll(
          backend,
          Array.from({ length: 100 }, (_, at) => `a/${at}`),
        )
        const reason = new Error('stopped by the test')
        const abortion = new AbortController()
        let seen = 0
        const listing = async () => {
          for await (const _entry of backend.list('', { signal: abortion.signal })) {
            if (++seen === 3) abortion.abort(reason)
          }
        }
        await assert.rejects(listing(), (error) => error === reason)
        assert.equal(seen, 3)
        await assert.rejects(
          backend.listFolders('', { signal: abortion.signal }),
          (error) => error === reason,
        )
      }))

    it('is unusable after close, which may be called twice', () =>
      withSubject(open, async (backend) => {
        await backend.put('a', Buffer.from('x'))
        await backend.close()
        await backend.close()
        await assert.rejects(backend.read('a', READ_MAX_BYTES))
        await assert.rejects(backend.put('b', Buffer.from('x')))
        await assert.rejects(backend.openWrite('b'))
        await assert.rejects(collect(backend.list('')))
      }))
  })
}

async function putAll(backend: StorageBackend, keys: readonly string[]): Promise<void> {
  const left = [...keys]
  const worker = async () => {
    for (let key = left.pop(); key !== undefined; key = left.pop()) await backend.put(key, Buffer.from(key))
  }
  await Promise.all(Array.from({ length: PARALLEL_COUNT }, worker))
}

function isBehind(key: string, after: string): boolean {
  return Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0
}

/** The time of the store, as far as an object tells it. */
async function nowMsOf(backend: StorageBackend): Promise<number> {
  await backend.put('clock', Buffer.alloc(0))
  const entry = await backend.stat('clock')
  assert.ok(entry)
  return entry.modifiedMs
}
