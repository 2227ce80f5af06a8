import type { OnStorageRequest } from './storage-request.ts'

/** What whoever stands in front of a store needs to know of a call that passes. */
export interface PassingCall {
  /** Bytes that it sends; 0 for calls that only ask. */
  readonly sentBytes: number
  readonly signal: AbortSignal | undefined
}

/**
 * What the steps of an upload pass, one by one, since no call of the contract shows them: a call of a writer may send nothing, or
 * twenty parts. Every step that passes asks the store, and may be made again after a failure.
 */
export interface RequestGate {
  /** Makes a step when the store may be asked, and again while that is of use. @throws what the step threw, the signal's reason */
  pass<T>(call: PassingCall, step: () => Promise<T>): Promise<T>
}

/** What a backend is opened with by those who stand in front of it; all of it concerns backends that send requests. */
export interface RequestHooks {
  readonly onRequest?: OnStorageRequest
  /** Without one the backend repeats the steps of its uploads by the policy of the program. */
  readonly gate?: RequestGate
  /** Told of what a run could not remove again, for people. */
  readonly onLeft?: (what: string) => void
}
