import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { readBody } from '../answer-body.ts'
import { type ObjectAnswer, ObjectStoreBackend } from '../object-store-backend.ts'
import type { RequestHooks } from '../request-gate.ts'
import type { ObjectKey, StorageBackend } from '../storage-backend.ts'
import type { S3Connection } from './connection.ts'
import { brokenBody, type S3Attempt, strangeStore } from './errors.ts'
import { listFolders, listObjects } from './listing.ts'
import { bodyOf, discardBody, S3Objects } from './object-requests.ts'
import { partStoreOf } from './part-store.ts'
import type { S3Place } from './place.ts'
import { inspectBucket } from './place-facts.ts'

/**
 * Objects of a bucket below a prefix. Exclusive creation is `If-None-Match: *`, which AWS, MinIO, Ceph, R2 and VersityGW
 * honour for whole bodies and for the end of an upload.
 */
export function s3Backend(
  place: S3Place,
  location: string,
  connection: S3Connection,
  hooks: RequestHooks,
): StorageBackend {
  const objects = new S3Objects(place, connection)
  const reading = (key: ObjectKey): S3Attempt => ({ action: 'read', subject: key, bucket: place.bucket })
  return new ObjectStoreBackend({
    location,
    isSingleWriter: place.isSingleWriter,
    hooks,
    requests: {
      parts: partStoreOf(objects),
      exclusive: (key, bytes, signal) => objects.exclusive(key, bytes, signal),
      replace: (key, bytes, signal) => objects.put({ key, bytes, isExclusive: false }, signal),
      read: (key, maxBytes, signal) => objects.getWhole(key, maxBytes, signal),
      readRange: (key, { begin, end }, signal, take) =>
        objects.get(key, `bytes=${begin}-${end - 1}`, signal, (answer) =>
          take(rangeAnswer(answer, begin, reading(key))),
        ),
      stat: (key, signal) => objects.stat(key, signal),
      list: (prefix, options) => listObjects(objects, prefix, options),
      listFolders: (prefix, signal) => listFolders(objects, prefix, signal),
      delete: (key, signal) => objects.delete(key, signal),
      inspectPlace: (signal) => inspectBucket(connection, place.bucket, signal),
      strangeRange: (key) => strangeStore(reading(key), 'the store sends other bytes than it was asked for'),
      close: () => connection.close(),
    },
  })
}

function rangeAnswer(answer: GetObjectCommandOutput, begin: number, attempt: S3Attempt): ObjectAnswer {
  const byteCount = answer.ContentLength
  if (byteCount === undefined) {
    discardBody(answer)
    throw strangeStore(attempt, 'the store does not say how long the object is')
  }
  return {
    byteCount,
    isRange: answer.ContentRange !== undefined || begin === 0,
    async whole() {
      const bytes = await readBody(bodyOf(answer), byteCount)
      if (!bytes) throw brokenBody(attempt)
      return bytes
    },
    discard: () => discardBody(answer),
  }
}
