import assert from 'node:assert/strict'
import { it } from 'node:test'
import { inspect } from 'node:util'
import { collect, expectCode } from '../../../testkit/src/conformance/storage-subject.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { BACKUP, draft } from '../verify/archive-writer.ts'
import type { Fate } from './lossy-proxy.ts'
import type { CurrentPlace, LossyWire } from './lost-answers-suite.ts'

export const KEY = 'daily/commits/00000000000000000001.json'
const OTHER = `${KEY}-other`
const PAGE = '<!DOCTYPE html><html><head><title>Login</title></head><body>Please sign in</body></html>'
const PAGE_TYPE = { 'content-type': 'text/html; charset=utf-8' }
/** What networks answer in place of a store, each with status 200. */
const PAGES: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
  ['a login page', PAGE, PAGE_TYPE],
  [
    'a page out of a cache, with a tag',
    PAGE,
    { 'content-type': 'text/html', etag: '"5f3"', 'last-modified': 'Mon, 02 Nov 2026 00:00:00 GMT' },
  ],
]
/** What would not betray itself by its type. */
const PAGE_AS_DOCUMENT = { refuse: 200, body: PAGE }

/** What load balancers, proxies and login pages refuse with, or lead away with, in place of a store. */
const REFUSALS: readonly (readonly [string, Fate])[] = [
  ...[302, 400, 403, 404, 412].map(
    (refuse) => [`a page with status ${refuse}`, { refuse, body: PAGE, headers: PAGE_TYPE }] as const,
  ),
  ...[302, 404, 412].map(
    (refuse) => [`a page with status ${refuse} that says it is a document`, { refuse, body: PAGE }] as const,
  ),
  [
    'a line of text with status 404',
    { refuse: 404, body: '404 page not found\n', headers: { 'content-type': 'text/plain' } },
  ],
  ['status 404 alone', { refuse: 404, body: '' }],
  ['a redirection to a login', { refuse: 302, body: '', headers: { location: 'http://127.0.0.1:1/login' } }],
]

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

/** A refusal that comes from something else than the store refuses nothing, and tells of no absence. */
export function describeForeignRefusals(wire: LossyWire, place: CurrentPlace): void {
  for (const [what, fate] of REFUSALS) {
    it(`takes ${what} for no refusal of the store, and says what may be wrong`, async () => {
      await place.current.direct.put(KEY, Buffer.from('there'))
      place.current.proxy.decide = () => fate
      await expectStranger(place.current.backend, { asksPlace: true })
      place.current.proxy.decide = () => 'pass'
      assert.equal((await place.current.direct.read(KEY, 100)).toString(), 'there')
      assert.equal(await place.current.direct.stat(OTHER), undefined)
    })
  }

  it('believes no absence that only something else tells, and every one that the store tells', async () => {
    const { proxy, direct, backend } = place.current
    await direct.put(KEY, Buffer.from('there'))
    for (const refused of ['look', 'read'] as const) {
      proxy.decide = (method, path) => {
        const isRead = method === 'GET' && path.includes('daily') && !wire.isLook(method, path)
        const isMeant = refused === 'look' ? wire.isLook(method, path) : isRead
        return isMeant ? { refuse: 404, body: '' } : 'pass'
      }
      const call = refused === 'look' ? backend.stat(KEY) : backend.read(KEY, 100)
      await expectCode(call, 'KB_STORAGE_UNAVAILABLE')
    }
    proxy.decide = () => 'pass'
    assert.equal(await backend.stat(OTHER), undefined)
    await expectCode(backend.read(OTHER, 100), 'KB_OBJECT_NOT_FOUND')
    await expectCode(backend.readRange(OTHER, { begin: 0, end: 1 }), 'KB_OBJECT_NOT_FOUND')
    await backend.delete(OTHER)
  })

  it('takes a backup for empty, or for damaged, by no answer of something else', async () => {
    const { proxy, direct, backend } = place.current
    const state = new BackupState(BACKUP)
    for (const run of ['run-1', 'run-2']) await appendCommit(direct, state, draft(run, 'complete'))
    for (const [what, fate] of REFUSALS) {
      for (const isMeant of [() => true, isOfCommit, isOfListing]) {
        proxy.decide = (_method, path) => (isMeant(path) ? fate : 'pass')
        const failure = await openBackup(backend, BACKUP).catch((error: unknown) => error)
        const isRight = isKafkaBackupError(failure, 'KB_STORAGE_UNAVAILABLE')
        assert.ok(isRight, `${what}: ${inspect(failure)}`)
      }
    }
    proxy.decide = () => 'pass'
    assert.equal((await openBackup(backend, BACKUP)).tip?.number, 2n)
  })
}

function isOfCommit(path: string): boolean {
  return decodeURIComponent(path).includes(`${BACKUP}/commits/0`)
}

function isOfListing(path: string): boolean {
  return !isOfCommit(path)
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
