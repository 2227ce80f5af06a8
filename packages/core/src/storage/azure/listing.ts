import { compareKeys, isPossibleKey } from '../object-key.ts'
import type { ObjectEntry } from '../storage-backend.ts'
import { foreignAnswer, strangeStore } from './errors.ts'
import type { AzureObjects } from './object-requests.ts'

/** As the other stores have them; Azure itself would give 5,000. */
const PAGE_ENTRIES = 1_000

/**
 * Entries below a prefix, page by page, in the order of bytes. It always begins with the first one: that a listing can start
 * elsewhere is new in Azure, and unknown to what stands in for it.
 */
export async function* listObjects(
  objects: AzureObjects,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ObjectEntry> {
  const rootLength = objects.fullKey('').length
  let last: string | undefined
  const pages = pagesOf(objects, prefix, signal, (container, fullPrefix, options) =>
    container
      .listBlobsFlat({ ...(fullPrefix === '' ? {} : { prefix: fullPrefix }), ...options })
      .byPage({ maxPageSize: PAGE_ENTRIES }),
  )
  for await (const { segment } of pages) {
    const entries = segment.blobItems
      .map(({ name, properties }) => ({
        key: name.slice(rootLength),
        bytes: properties.contentLength ?? 0,
        modifiedMs: properties.lastModified.getTime(),
      }))
      .filter(({ key }) => isPossibleKey(key))
    // Emulators order by UTF-16, which differs beyond U+FFFF. Our own keys have no such letters.
    for (const entry of entries.sort((a, b) => compareKeys(a.key, b.key))) {
      if (last !== undefined && compareKeys(last, entry.key) >= 0) {
        throw strangeStore(objects.attempt('list', prefix), 'the store does not list keys in their order')
      }
      last = entry.key
      yield entry
      signal?.throwIfAborted()
    }
  }
}

/** The distinct next path elements after a prefix. */
export async function listFolders(
  objects: AzureObjects,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const begin = objects.fullKey(prefix).length
  const folders: string[] = []
  const pages = pagesOf(objects, prefix, signal, (container, fullPrefix, options) =>
    container
      .listBlobsByHierarchy('/', { ...(fullPrefix === '' ? {} : { prefix: fullPrefix }), ...options })
      .byPage({ maxPageSize: PAGE_ENTRIES }),
  )
  for await (const { segment } of pages) {
    for (const { name: folder } of segment.blobPrefixes ?? []) {
      const name = folder.slice(begin, -1)
      // What could not be part of a key was not written by this program.
      if (name !== '' && isPossibleKey(`${prefix}${name}/x`)) folders.push(name)
    }
  }
  return folders.sort(compareKeys)
}

type Container = import('@azure/storage-blob').ContainerClient

/** Each page is one request. */
async function* pagesOf<T extends { readonly segment: object }>(
  objects: AzureObjects,
  prefix: string,
  signal: AbortSignal | undefined,
  begin: (
    container: Container,
    fullPrefix: string,
    options: { readonly abortSignal?: AbortSignal },
  ) => AsyncIterator<T>,
): AsyncGenerator<T> {
  let iterator: AsyncIterator<T> | undefined
  for (;;) {
    const page = await objects.connection.request(
      { action: 'list', subject: prefix },
      signal,
      async ({ container, options }) => {
        iterator ??= begin(container, objects.fullKey(prefix), options)
        try {
          return await iterator.next()
        } catch (error) {
          // This is how the SDK takes an answer that is no list.
          throw error instanceof TypeError ? foreignAnswer(objects.attempt('list', prefix)) : error
        }
      },
    )
    if (page.done) return
    if (!page.value?.segment) throw foreignAnswer(objects.attempt('list', prefix))
    yield page.value
  }
}
