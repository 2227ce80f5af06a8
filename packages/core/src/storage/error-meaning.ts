import type { ErrorCode } from '../errors/error-codes.ts'

/** What an answer of a store, or a failure of the network, means to us. */
export interface Meaning {
  readonly code: ErrorCode
  readonly reason: string
  readonly hint?: string
}

export const denied = (reason: string, hint: string): Meaning => ({
  code: 'KB_STORAGE_PERMISSION',
  reason,
  hint,
})
export const passing = (reason: string): Meaning => ({ code: 'KB_STORAGE_UNAVAILABLE', reason })
export const misplaced = (reason: string, hint: string): Meaning => ({
  code: 'KB_LOCATION_INVALID',
  reason,
  hint,
})
export const impossible = (reason: string, hint: string): Meaning => ({
  code: 'KB_STORAGE_UNSUPPORTED',
  reason,
  hint,
})

/** What a login page, a proxy or a server of another kind answers, which knows nothing of objects. */
export const STRANGER_REASON = 'the store says that it did, and its answer is of something else'
/** What a server on the way answers instead of the store: neither a success nor a refusal of anything. */
export const IMPOSTOR_REASON = 'what answered is not the store'
/** For {@link STRANGER_REASON} and {@link IMPOSTOR_REASON}. */
export const STRANGER_HINT =
  'Something else may answer in place of the store: check the endpoint, the proxy, and whether this network wants a login first.'

/** What an object is in the way of. */
export const FOREIGN_HINT = 'Move away what is in the way; the prefix must belong to kafka-backup alone.'
/** For a store that refuses the condition of an exclusive creation. */
export const NO_CONDITION_HINT = 'If only one run at a time writes, say so: storage.single_writer: true.'
