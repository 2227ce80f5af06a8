import type { Random } from '../../runtime/random.ts'
import type { ObjectKey } from '../storage-backend.ts'

/** One part of an object on its way. */
export interface UploadPart {
  /** From 1, without gaps. */
  readonly number: number
  readonly bytes: Buffer
  /** Nothing follows but `complete`. A stream that ends exactly with a part has no such part. */
  readonly isLast: boolean
}

/** An upload that has begun. Each call is one request without a second attempt; {@link PartStore} says what is repeated. */
export interface PartUpload {
  /** The same part may be sent again under its number after a failure. */
  sendPart(part: UploadPart, signal: AbortSignal): Promise<void>
  /**
   * Makes the object of its parts, unless the key is taken; called again after a failure that can pass, with `isFirst`
   * false. It settles a lost answer. @throws KB_OBJECT_EXISTS
   */
  complete(options: { readonly isFirst: boolean; readonly signal: AbortSignal }): Promise<void>
  /** Removes the parts, as far as the store can. Goes on when the run is stopped: that is when it is needed. */
  abort(): Promise<void>
}

/** How a store takes objects that do not fit into memory. */
export interface PartStore {
  readonly partsMax: number
  /** Parts of one object that travel while the next one is filled; 1 where they must arrive in order. */
  readonly partsUnderWayMax: number
  /** Bytes of a part by its number, unless it is the last one of its object. */
  partBytesOf(partNumber: number): number
  beginUpload(key: ObjectKey, random: Random, signal: AbortSignal): Promise<PartUpload>
  /**
   * Stores a whole object that fits into one part, exclusively, and settles a lost answer, also of an earlier call: a taken key is a
   * success when it has these bytes. @throws KB_OBJECT_EXISTS
   */
  create(key: ObjectKey, bytes: Uint8Array, signal: AbortSignal): Promise<void>
}
