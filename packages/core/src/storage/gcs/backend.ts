import { ObjectStoreBackend } from '../object-store-backend.ts'
import type { RequestHooks } from '../request-gate.ts'
import type { StorageBackend } from '../storage-backend.ts'
import type { GcsConnection } from './connection.ts'
import { strangeStore } from './errors.ts'
import { inspectBucket } from './inspection.ts'
import { listFolders, listObjects } from './listing.ts'
import { GcsObjects } from './object-requests.ts'
import type { GcsPlace } from './place.ts'
import { chunkStoreOf } from './resumable-upload.ts'

/**
 * Objects of a bucket below a prefix, through the JSON protocol. Exclusive creation is `ifGenerationMatch=0` on simple and
 * on resumable uploads.
 */
export function gcsBackend(
  place: GcsPlace,
  location: string,
  connection: GcsConnection,
  hooks: RequestHooks,
): StorageBackend {
  const objects = new GcsObjects(place, connection)
  return new ObjectStoreBackend({
    location,
    isSingleWriter: place.isSingleWriter,
    hooks,
    requests: {
      parts: chunkStoreOf(objects),
      exclusive: (key, bytes, signal) => objects.exclusive(key, bytes, signal),
      replace: (key, bytes, signal) => objects.replace(key, bytes, signal),
      read: (key, maxBytes, signal) => objects.read(key, maxBytes, signal),
      readRange: (key, { begin, end }, signal, take) =>
        objects.get(key, `bytes=${begin}-${end - 1}`, signal, (answer, byteCount) =>
          take({
            byteCount,
            isRange: answer.status === 206 && isRangeFrom(answer.headers['content-range'], begin),
            whole: () => objects.whole(key, answer, byteCount),
            discard: () => answer.body.destroy(),
          }),
        ),
      stat: (key, signal) => objects.stat(key, signal),
      list: (prefix, options) => listObjects(objects, prefix, options),
      listFolders: (prefix, signal) => listFolders(objects, prefix, signal),
      delete: (key, signal) => objects.delete(key, signal),
      inspectPlace: (signal) => inspectBucket(objects, signal),
      strangeRange: (key) =>
        strangeStore(objects.attempt('read', key), 'the store sends other bytes than it was asked for'),
      close: () => connection.close(),
    },
  })
}

function isRangeFrom(header: string | undefined, begin: number): boolean {
  return header?.startsWith(`bytes ${begin}-`) === true
}
