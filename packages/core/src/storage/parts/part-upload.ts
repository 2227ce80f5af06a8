import type { Random } from '../../runtime/random.ts'
import type { ObjectKey } from '../storage-backend.ts'

/** One part of an object on its way. */
export interface UploadPart {
  /** From 1, without gaps. */
  readonly number: number
  readonly bytes: Buffer
}

/** An upload that has begun. Each call asks the store and makes no second attempt; `parts/part-writer.ts` says what is repeated. */
export interface PartUpload {
  /** The same part may be sent again under its number after a failure. */
  sendPart(part: UploadPart, signal: AbortSignal): Promise<void>
  /** Present where the last part, which may be shorter, travels with `complete`: keeps it, and asks nobody. */
  keepLastPart?(bytes: Buffer): void
  /** Makes the object of its parts, unless the key is taken; may be called again. It settles a lost answer. @throws KB_OBJECT_EXISTS */
  complete(signal: AbortSignal): Promise<void>
  /** Removes the parts. Absent where the store removes what nobody finished. The signal is not that of the run, which may have ended. */
  abort?(signal: AbortSignal): Promise<void>
  /**
   * Present when a begin that was not answered may have left another upload of the key: removes all others. To be called when the
   * object is there, since none of them can become an object then, whoever began it.
   */
  removeTwins?(signal: AbortSignal): Promise<void>
}

/** How a store takes objects that do not fit into memory. */
export interface PartStore {
  readonly partsMax: number
  /** Parts of one object that travel while the next one is filled; 1 where they must arrive in order. */
  readonly partsUnderWayMax: number
  /** Bytes of a part by its number, unless it is the last one of its object. */
  partBytesOf(partNumber: number): number
  /** False: nobody is asked to begin an upload. */
  readonly isBegunByRequest: boolean
  beginUpload(key: ObjectKey, random: Random, signal: AbortSignal): Promise<PartUpload>
  /**
   * Stores a whole object that fits into one part, exclusively, and settles a lost answer, also of an earlier call: a taken key is a
   * success when it has these bytes. @throws KB_OBJECT_EXISTS
   */
  create(key: ObjectKey, bytes: Uint8Array, signal: AbortSignal): Promise<void>
}
