import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { objectExists } from './object-errors.ts'
import type { ObjectKey } from './storage-backend.ts'

/** What an object has, beside the bytes that were to be created under its key. */
export type Comparison = 'absent' | 'same' | 'other'

/** The requests of a store that {@link createSettled} is made of. */
export interface ExclusiveCreate {
  readonly key: ObjectKey
  /** One request that creates the object or finds the key taken. @throws KB_OBJECT_EXISTS */
  readonly put: () => Promise<void>
  /** Reads the object back. */
  readonly compare: () => Promise<Comparison>
}

/**
 * Creates an object exclusively. When the answer is lost, the object itself is the answer: its bytes are ours or not.
 * Two writers never put the same bytes under one key, unless they mean the same: a commit names its run. An object that
 * is absent says nothing, since the request may still arrive; the error of the put goes on then, as it does when nothing can be
 * read back, and the next attempt settles it.
 * @throws KB_OBJECT_EXISTS
 */
export async function createSettled({ key, put, compare }: ExclusiveCreate): Promise<void> {
  try {
    await put()
  } catch (error) {
    if (!isAmbiguous(error)) throw error
    const found = await lookedBack(compare)
    if (found === 'absent') throw error
    if (found === 'unknown') throw unsettled(key, error as KafkaBackupError)
    if (found === 'other') throw objectExists(key)
  }
}

/** What a read that fails in its turn says is of the read; whoever reads it wants to know of the put. */
async function lookedBack(compare: () => Promise<Comparison>): Promise<Comparison | 'unknown'> {
  try {
    return await compare()
  } catch (error) {
    if (isAmbiguous(error)) return 'unknown'
    throw error
  }
}

/** The failure of the put, with what is known after it. */
function unsettled(key: ObjectKey, error: KafkaBackupError): KafkaBackupError {
  const message = `${error.message}; whether it was written is not known, since it could not be read back either`
  return new KafkaBackupError(error.code, message, { context: { key }, hint: error.hint })
}

/**
 * The same for a caller that has a failed attempt behind it: a taken key may be that attempt's work.
 * @throws KB_OBJECT_EXISTS
 */
export async function createSettledAgain(create: ExclusiveCreate): Promise<void> {
  try {
    await createSettled(create)
  } catch (error) {
    const isTaken = isKafkaBackupError(error, 'KB_OBJECT_EXISTS')
    if (!isTaken || (await create.compare()) !== 'same') throw error
  }
}

/** True when a request may have been carried out although it failed: no clear refusal came back. */
export function isAmbiguous(error: unknown): boolean {
  return isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE')
}
