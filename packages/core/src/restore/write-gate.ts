import type { TargetPlace } from '../format/restore-ledger.ts'

/** What a gate knows of whoever writes to one partition. */
export interface GatedLane {
  readonly place: TargetPlace
  /** A transaction that held records of this lane is committed: its marker took one offset. */
  onCommitted(): void
}

/**
 * Lets batches of all lanes through, and knows when what was sent is there for good. Between `admit` and `settled` a batch is
 * under way. After a failure nothing is admitted any more.
 */
export interface WriteGate {
  /** Batches of one partition that may be under way at a time. */
  readonly windowMax: number
  /** Resolves when the lane may send this many bytes at once, without waiting for anything else. */
  admit(lane: GatedLane, bytes: number): Promise<void>
  /** The broker has confirmed a batch of the lane. */
  settled(lane: GatedLane): void
  /** Everything that is under way is void: `admit` and `finish` throw this error. */
  fail(error: unknown): void
  /** All lanes are done: makes the rest permanent. */
  finish(): Promise<void>
}

/** Called when everything that was confirmed so far is there for good. Must return at once; what it gets is a moment's state. */
export type OnDurable = () => void
