import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3'
import { compareKeys, isPossibleKey } from '../object-key.ts'
import type { ListOptions, ObjectEntry } from '../storage-backend.ts'
import { foreignAnswer, strangeStore } from './errors.ts'
import type { S3Objects } from './object-requests.ts'

/** Entries below a prefix, page by page, in the order of the store, which must be that of bytes. */
export async function* listObjects(
  objects: S3Objects,
  prefix: string,
  { signal, after }: ListOptions = {},
): AsyncGenerator<ObjectEntry> {
  let last: string | undefined
  for await (const page of pages(objects, { prefix, after }, signal)) {
    for (const { Key: fullKey = '', Size: bytes = 0, LastModified: modified } of page.Contents ?? []) {
      const key = ownKey(objects, fullKey)
      if (key === undefined) continue
      if (last !== undefined && compareKeys(last, key) >= 0) {
        const attempt = { action: 'list' as const, subject: prefix, bucket: objects.place.bucket }
        throw strangeStore(attempt, 'the store does not list keys in their order')
      }
      last = key
      yield { key, bytes, modifiedMs: modified?.getTime() ?? 0 }
      signal?.throwIfAborted()
    }
  }
}

/** The distinct next path elements after a prefix. */
export async function listFolders(
  objects: S3Objects,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const begin = objects.fullKey(prefix).length
  const folders: string[] = []
  for await (const page of pages(objects, { prefix, delimiter: '/' }, signal)) {
    for (const { Prefix: folder = '' } of page.CommonPrefixes ?? []) {
      const name = folder.slice(begin, -1)
      // What could not be part of a key was not written by this program.
      if (name !== '' && isPossibleKey(`${prefix}${name}/x`)) folders.push(name)
    }
  }
  return folders.sort(compareKeys)
}

async function* pages(
  objects: S3Objects,
  place: { readonly prefix: string; readonly delimiter?: string; readonly after?: string | undefined },
  signal: AbortSignal | undefined,
): AsyncGenerator<ListObjectsV2CommandOutput> {
  const { prefix, delimiter, after } = place
  const fullPrefix = objects.fullKey(prefix)
  let token: string | undefined
  do {
    const input = {
      Bucket: objects.place.bucket,
      ...(fullPrefix === '' ? {} : { Prefix: fullPrefix }),
      ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
      ...(after === undefined ? {} : { StartAfter: objects.fullKey(after) }),
      ...(token === undefined ? {} : { ContinuationToken: token }),
    }
    const page = await objects.connection.request(
      { action: 'list', subject: prefix },
      signal,
      ({ sdk, client, options }) => client.send(new sdk.ListObjectsV2Command(input), options),
    )
    // An error document that comes as a success would be an empty page.
    if (page.IsTruncated === undefined && page.Name === undefined && page.KeyCount === undefined) {
      throw foreignAnswer({ action: 'list', subject: prefix, bucket: objects.place.bucket })
    }
    yield page
    const next = page.IsTruncated ? page.NextContinuationToken : undefined
    if (page.IsTruncated && (next === undefined || next === token)) {
      const attempt = { action: 'list' as const, subject: prefix, bucket: objects.place.bucket }
      throw strangeStore(attempt, 'the store says that there is more and not where')
    }
    token = next
  } while (token !== undefined)
}

/** Undefined for markers of folders and other objects that this program cannot have written. */
function ownKey(objects: S3Objects, fullKey: string): string | undefined {
  const key = fullKey.slice(objects.fullKey('').length)
  return isPossibleKey(key) ? key : undefined
}
