import assert from 'node:assert/strict'
import { it } from 'node:test'
import { collect, expectCode } from '../../../testkit/src/conformance/storage-subject.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import type { CurrentPlace, LossyWire } from './lost-answers-suite.ts'

export const KEY = 'daily/commits/00000000000000000001.json'
const OTHER = `${KEY}-other`
const PAGE = '<!DOCTYPE html><html><head><title>Login</title></head><body>Please sign in</body></html>'
/** What networks answer in place of a store, each with status 200. */
const PAGES: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
  ['a login page', PAGE, { 'content-type': 'text/html; charset=utf-8' }],
  [
    'a page out of a cache, with a tag',
    PAGE,
    { 'content-type': 'text/html', etag: '"5f3"', 'last-modified': 'Mon, 02 Nov 2026 00:00:00 GMT' },
  ],
]
/** What would not betray itself by its type. */
const PAGE_AS_DOCUMENT = { refuse: 200, body: PAGE }

/** A 200 that comes from something else than the store is no success of anything. */
export function describeForeignAnswers(wire: LossyWire, place: CurrentPlace): void {
  for (const [what, body, headers] of PAGES) {
    it(`takes ${what} for no success of anything, and says what may be wrong`, async () => {
      await place.current.direct.put(KEY, Buffer.from('there'))
      place.current.proxy.decide = () => ({ refuse: 200, body, headers })
      await expectStranger(place.current.backend, { asksPlace: true })
      place.current.proxy.decide = () => 'pass'
      assert.equal((await place.current.direct.read(KEY, 100)).toString(), 'there')
      assert.equal(await place.current.direct.stat(OTHER), undefined)
    })
  }

  it('refuses a listing that has a key twice', async () => {
    for (const key of ['a', 'b']) await place.current.direct.put(key, Buffer.from('x'))
    place.current.proxy.decide = () => ({ rewrite: wire.doubled })
    await expectCode(collect(place.current.backend.list('')), 'KB_STORAGE_UNSUPPORTED')
  })

  for (const [what, fate] of [
    ['a page that says it is a document', PAGE_AS_DOCUMENT],
    ['an error document', { refuse: 200, body: wire.busy }],
    ['nothing', { refuse: 200, body: '' }],
  ] as const) {
    it(`takes ${what} with status 200 for no success of anything`, async () => {
      await place.current.direct.put(KEY, Buffer.from('there'))
      place.current.proxy.decide = () => fate
      // Some stores delete without a word.
      await expectStranger(place.current.backend, { asksPlace: false, deletes: fate.body !== '' })
      const facts = await place.current.backend.inspectPlace?.().catch(() => undefined)
      assert.ok(facts === undefined || facts.versioning === 'unknown', JSON.stringify(facts))
      place.current.proxy.decide = () => 'pass'
      assert.equal(await place.current.direct.stat(OTHER), undefined)
    })
  }
}

/** Every call says that the store was not available, and none that something is there, is gone or was done. */
async function expectStranger(
  backend: StorageBackend,
  { asksPlace, deletes = true }: { readonly asksPlace: boolean; readonly deletes?: boolean },
): Promise<void> {
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    put: () => backend.put(OTHER, Buffer.from('lost')),
    replace: () => backend.replace(OTHER, Buffer.from('lost')),
    read: () => backend.read(KEY, 1_000),
    readRange: () => backend.readRange(KEY, { begin: 0, end: 4 }),
    stat: () => backend.stat(KEY),
    list: () => backend.list('')[Symbol.asyncIterator]().next(),
    listFolders: () => backend.listFolders(''),
    ...(deletes ? { delete: () => backend.delete(KEY) } : {}),
    ...(asksPlace ? { inspectPlace: async () => backend.inspectPlace?.() } : {}),
  }
  for (const [name, call] of Object.entries(calls)) {
    await assert.rejects(call, (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'KB_STORAGE_UNAVAILABLE', `${name}: ${error.message}`)
      if (asksPlace) assert.match(error.hint ?? '', /proxy, and whether this network wants a login/, name)
      return true
    })
  }
}
