import type { ErrorCategory } from '../../src/errors/error-codes.ts'
import type { Prng } from '../protocol/prng.ts'

/** Decoded bytes that a case may ask a codec for. */
export const CASE_CEILING_BYTES = 4 * 1024 * 1024

/** One hostile input, and what is done with it. */
export interface FuzzCase {
  readonly bytes: Buffer
  /** Returns when the input is accepted; throws one of our errors when it is refused, and anything else for a finding. */
  run(): unknown
}

/** One decoder under attack. */
export interface FuzzTarget {
  readonly name: string
  /** Share of the cases, beside the weights of the others. */
  readonly weight: number
  /** What a refusal may be. */
  readonly categories: readonly ErrorCategory[]
  /** Least share of cases that must be accepted: damage that is always refused at once proves little. */
  readonly acceptedMin: number
  /** The most; 0.98 when absent. A decoder that takes almost everything overlooks something. */
  readonly acceptedMax?: number
  make(random: Prng): FuzzCase
}

/** Refusals of bytes that say something impossible. */
export const INTEGRITY: readonly ErrorCategory[] = ['integrity']
/** Refusals of a broker's answer, which may also carry a broker's error. */
export const BROKER: readonly ErrorCategory[] = ['integrity', 'cluster', 'failed', 'permission', 'conflict']
