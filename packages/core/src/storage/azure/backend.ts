import { ObjectStoreBackend } from '../object-store-backend.ts'
import type { RequestHooks } from '../request-gate.ts'
import type { StorageBackend } from '../storage-backend.ts'
import { blockStoreOf } from './block-upload.ts'
import type { AzureConnection } from './connection.ts'
import { strangeStore } from './errors.ts'
import { inspectContainer } from './inspection.ts'
import { listFolders, listObjects } from './listing.ts'
import { AzureObjects, discardBody } from './object-requests.ts'
import type { AzurePlace } from './place.ts'

/** Block blobs of a container below a prefix. Exclusive creation is `If-None-Match: *` on Put Blob and on Put Block List. */
export function azureBackend(
  place: AzurePlace,
  location: string,
  connection: AzureConnection,
  hooks: RequestHooks,
): StorageBackend {
  const objects = new AzureObjects(place, connection)
  return new ObjectStoreBackend({
    location,
    isSingleWriter: place.isSingleWriter,
    hooks,
    requests: {
      parts: blockStoreOf(objects),
      exclusive: (key, bytes, signal) => objects.exclusive(key, bytes, signal),
      replace: (key, bytes, signal) => objects.replace(key, bytes, signal),
      read: (key, maxBytes, signal) => objects.read(key, maxBytes, signal),
      readRange: (key, { begin, end }, signal, take) =>
        objects.get(key, { begin, byteCount: end - begin }, signal, (answer) =>
          take({
            byteCount: answer.byteCount,
            isRange: answer.isPart || begin === 0,
            whole: () => objects.whole(key, answer, answer.byteCount),
            discard: () => discardBody(answer),
          }),
        ),
      stat: (key, signal) => objects.stat(key, signal),
      list: (prefix, options) => listObjects(objects, prefix, options?.signal),
      listFolders: (prefix, signal) => listFolders(objects, prefix, signal),
      delete: (key, signal) => objects.delete(key, signal),
      inspectPlace: (signal) => inspectContainer(connection, signal),
      strangeRange: (key) =>
        strangeStore(objects.attempt('read', key), 'the store sends other bytes than it was asked for'),
      close: () => connection.close(),
    },
  })
}
