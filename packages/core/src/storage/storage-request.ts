/** The kinds of requests that stores charge for; `other` is what belongs to none of them. */
export const STORAGE_REQUEST_KINDS = [
  'put',
  'get',
  'head',
  'list',
  'delete',
  'begin_upload',
  'upload_part',
  'complete_upload',
  'other',
] as const

/** One of {@link STORAGE_REQUEST_KINDS}. */
export type StorageRequestKind = (typeof STORAGE_REQUEST_KINDS)[number]

/** Told of every request just before it is sent, also of those that fail; must return at once. */
export type OnStorageRequest = (kind: StorageRequestKind) => void

/** Requests by kind. */
export type RequestCounts = Readonly<Record<StorageRequestKind, number>>

/** Counts requests; its `onRequest` is given to the factory of a backend. */
export class RequestCounter {
  readonly #counts = Object.fromEntries(STORAGE_REQUEST_KINDS.map((kind) => [kind, 0])) as Record<
    StorageRequestKind,
    number
  >

  readonly onRequest: OnStorageRequest = (kind) => {
    this.#counts[kind]++
  }

  /** A copy of the counters as they are now. */
  get counts(): RequestCounts {
    return { ...this.#counts }
  }
}
