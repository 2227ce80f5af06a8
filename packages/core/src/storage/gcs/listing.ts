import { compareKeys, isPossibleKey } from '../object-key.ts'
import type { ListOptions, ObjectEntry } from '../storage-backend.ts'
import { foreignAnswer, strangeStore } from './errors.ts'
import { entryOf, type GcsObject, type GcsObjects } from './object-requests.ts'

interface Page {
  readonly kind?: string
  readonly items?: readonly GcsObject[]
  readonly prefixes?: readonly string[]
  readonly nextPageToken?: string
}

const PAGE_ENTRIES = 1_000

/** Entries below a prefix, page by page, in the order of the store, which must be that of bytes. */
export async function* listObjects(
  objects: GcsObjects,
  prefix: string,
  { signal, after }: ListOptions = {},
): AsyncGenerator<ObjectEntry> {
  const rootLength = objects.fullKey('').length
  let last: string | undefined
  const query = {
    fields: 'kind,nextPageToken,items(name,size,timeCreated)',
    // That key itself may come too.
    ...(after === undefined ? {} : { startOffset: objects.fullKey(after) }),
  }
  for await (const { items = [] } of pages(objects, prefix, query, signal)) {
    for (const item of items) {
      const key = (item.name ?? '').slice(rootLength)
      // Markers of folders, and other objects that this program cannot have written.
      if (!isPossibleKey(key)) continue
      if (last !== undefined && compareKeys(last, key) >= 0) {
        throw strangeStore(objects.attempt('list', prefix), 'the store does not list keys in their order')
      }
      last = key
      yield entryOf(key, item)
      signal?.throwIfAborted()
    }
  }
}

/** The distinct next path elements after a prefix. */
export async function listFolders(
  objects: GcsObjects,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const begin = objects.fullKey(prefix).length
  const folders = new Set<string>()
  const query = { delimiter: '/', fields: 'kind,nextPageToken,prefixes' }
  for await (const { prefixes = [] } of pages(objects, prefix, query, signal)) {
    for (const folder of prefixes) {
      const name = folder.slice(begin, -1)
      // What could not be part of a key was not written by this program.
      if (name !== '' && isPossibleKey(`${prefix}${name}/x`)) folders.add(name)
    }
  }
  return [...folders].sort(compareKeys)
}

async function* pages(
  objects: GcsObjects,
  prefix: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Page> {
  const fullPrefix = objects.fullKey(prefix)
  let token: string | undefined
  do {
    const parameters = new URLSearchParams({ ...query, maxResults: String(PAGE_ENTRIES) })
    if (fullPrefix !== '') parameters.set('prefix', fullPrefix)
    if (token !== undefined) parameters.set('pageToken', token)
    const path = `/storage/v1/b/${objects.place.bucket}/o?${parameters}`
    const call = { method: 'GET' as const, path, expected: [200] }
    const { fields } = await objects.connection.document({ action: 'list', subject: prefix }, signal, call)
    const page = (fields ?? {}) as Page
    // An error document that comes as a success would be an empty page.
    if (page.kind !== 'storage#objects') throw foreignAnswer(objects.attempt('list', prefix))
    yield page
    const { nextPageToken: next } = page
    if (next !== undefined && next === token) {
      throw strangeStore(objects.attempt('list', prefix), 'the store says that there is more and not where')
    }
    token = next === '' ? undefined : next
  } while (token !== undefined)
}
