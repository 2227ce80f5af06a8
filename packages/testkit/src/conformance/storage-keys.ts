import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  collect,
  expectCode,
  expectKeys,
  type OpenStorageSubject,
  READ_MAX_BYTES,
  withSubject,
} from './storage-subject.ts'

/** Keys that some store, client or file system would read as another place. */
export const HOSTILE_KEYS: readonly string[] = [
  '',
  '.',
  '..',
  '/',
  '/etc/passwd',
  '//etc/passwd',
  '../outside',
  'a/../../outside',
  'a/..',
  'a/.',
  './a',
  'a/./b',
  'a//b',
  'a/',
  'a\0b',
  'a/\0',
  'a\nb',
  'a\x7fb',
  'a\\b',
  '..\\outside',
  'C:\\outside',
  'a/\ud800',
  '\udc00b',
  '.tmp/a',
  '.hidden/a',
  'lost+found/a',
  'x'.repeat(256),
  `a/${'x'.repeat(256)}`,
  `a/${'\u00e9'.repeat(128)}`,
  `${'x/'.repeat(512)}xx`,
]

/** Keys that look odd and are fine. */
const ODD_KEYS: readonly string[] = [
  '...',
  'a../..b/c..d',
  '.profile',
  '..profile',
  'a b/c d',
  'a/%2e%2e/b',
  'a/%2F',
  "a/it's/$(x)/`y`/*?[z]",
  'a/#fragment?query=1&x=y+z',
  'a:b@c,d;e=f~g',
  'a/__proto__/constructor',
  'caf\u00e9/\u{1f600}',
  `deep/${'y/'.repeat(100)}end`,
  'z'.repeat(249),
]

const HOSTILE_PREFIXES: readonly string[] = ['/', '../', 'a/../', 'a//', './', '/etc/', '.tmp/', 'a\0', 'a\\']

/** Keys stay inside the store, whatever they contain. */
export function describeStorageKeys(open: OpenStorageSubject): void {
  describe('keys', () => {
    for (const key of HOSTILE_KEYS) {
      it(`refuses the key ${JSON.stringify(key.slice(0, 40))} in every call`, () =>
        withSubject(open, async (backend) => {
          const bytes = Buffer.from('x')
          await expectCode(backend.put(key, bytes), 'KB_INTERNAL')
          await expectCode(backend.replace(key, bytes), 'KB_INTERNAL')
          await expectCode(backend.openWrite(key), 'KB_INTERNAL')
          await expectCode(backend.read(key, READ_MAX_BYTES), 'KB_INTERNAL')
          await expectCode(backend.readRange(key, { begin: 0, end: 1 }), 'KB_INTERNAL')
          await expectCode(backend.stat(key), 'KB_INTERNAL')
          await expectCode(backend.delete(key), 'KB_INTERNAL')
          await expectKeys(backend, [])
        }))
    }

    it('refuses hostile prefixes of listings', () =>
      withSubject(open, async (backend) => {
        for (const prefix of HOSTILE_PREFIXES) {
          await expectCode(collect(backend.list(prefix)), 'KB_INTERNAL')
          await expectCode(backend.listFolders(prefix), 'KB_INTERNAL')
        }
        await expectCode(backend.listFolders('a/b'), 'KB_INTERNAL')
      }))

    it('takes odd keys as they are', () =>
      withSubject(open, async (backend) => {
        for (const key of ODD_KEYS) await backend.put(key, Buffer.from(key))
        for (const key of ODD_KEYS) {
          assert.equal((await backend.read(key, READ_MAX_BYTES)).toString(), key)
        }
        const listed = (await collect(backend.list(''))).map((entry) => entry.key)
        assert.deepEqual(listed.toSorted(), ODD_KEYS.toSorted())
      }))
  })
}
