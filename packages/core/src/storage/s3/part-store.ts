import type { PartStore } from '../parts/part-upload.ts'
import { createSettledAgain } from '../settled-create.ts'
import { MultipartUpload } from './multipart-upload.ts'
import type { S3Objects } from './object-requests.ts'
import { PARTS_MAX, partBytesOf } from './part-size.ts'

/** Streams into S3: multipart uploads, whose parts may arrive in any order. */
export function partStoreOf(objects: S3Objects): PartStore {
  return {
    partsMax: PARTS_MAX,
    partsUnderWayMax: 2,
    partBytesOf,
    isBegunByRequest: true,
    beginUpload: (key, random, signal) => MultipartUpload.begin(objects, key, random, signal),
    create: (key, bytes, signal) => createSettledAgain(objects.exclusive(key, bytes, signal)),
  }
}
