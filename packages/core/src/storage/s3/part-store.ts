import type { PartStore } from '../parts/part-upload.ts'
import { createSettledAgain } from '../settled-create.ts'
import type { ObjectKey } from '../storage-backend.ts'
import { MultipartUpload } from './multipart-upload.ts'
import type { S3Objects } from './object-requests.ts'
import { PARTS_MAX, partBytesOf } from './part-size.ts'

/** Streams into S3: multipart uploads, whose parts may arrive in any order. */
export function partStoreOf(objects: S3Objects): PartStore {
  // The next begin of a key takes it from here. A key whose begin is never answered ends its run.
  const unanswered = new Set<ObjectKey>()
  return {
    partsMax: PARTS_MAX,
    partsUnderWayMax: 2,
    partBytesOf,
    isBegunByRequest: true,
    beginUpload: (key, random, signal) => MultipartUpload.begin(objects, key, { random, unanswered }, signal),
    create: (key, bytes, signal) => createSettledAgain(objects.exclusive(key, bytes, signal)),
  }
}
