/** What the fuzzing thread is to do. The cases from `first` to `end` (exclusive). */
export interface FuzzOrder {
  readonly seed: number
  readonly first: number
  readonly end: number
  /** One 64-bit float: the index of the case under way. */
  readonly progress: SharedArrayBuffer
}

/** How the cases of one target went. */
export interface FuzzTally {
  readonly name: string
  readonly acceptedMin: number
  readonly acceptedMax: number
  cases: number
  accepted: number
  elapsedMs: number
}

/** A case that a decoder failed. */
export interface Finding {
  readonly index: number
  readonly target: string
  readonly what: string
  readonly hex: string
}

/** Processor time that a case may take. */
export const CASE_MAX_MS = 1000
/** Real time after which a case counts as hanging; longer, because others may have the processor. */
export const CASE_HANG_MS = 20_000
/** Memory of the fuzzing thread (heap and buffers) above what it had at the beginning. */
export const HEAP_GROWTH_MAX_BYTES = 256 * 1024 * 1024
/** Heap of the fuzzing thread: a single case that wants more ends it. */
export const HEAP_MAX_MIB = 512
/** Part of it for what is short-lived; a large one is never tidied up in time. */
export const YOUNG_HEAP_MAX_MIB = 48
/** Resident memory at its peak above what it was at the beginning: the modules and samples of the thread, and its cases. */
export const RESIDENT_GROWTH_MAX_BYTES = 768 * 1024 * 1024
