import type { PartitionWriter } from './partition-writer.ts'

/** What becomes of a partition that only an open transaction keeps from its target. */
export type WaitVerdict = 'reading' | 'waiting' | 'announce' | 'expired'

// Most transactions end sooner; nobody wants to hear of those.
const ANNOUNCE_AFTER_MS = 5_000

/**
 * How long partitions have stood at the last stable offset below their target. Shared by all readers of a run, so that a
 * leader that moves does not begin the waiting anew. Times in milliseconds.
 */
export class TransactionWait {
  readonly #limitMs: number
  readonly #blocked = new Map<PartitionWriter, { readonly sinceMs: number; isAnnounced: boolean }>()

  /** Waits for `limitMs` at most, counted anew whenever something could be read. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /** Takes what an answer showed; `announce` comes once for each time of waiting. */
  note(writer: PartitionWriter, isBlocked: boolean, nowMs: number): WaitVerdict {
    if (!isBlocked) {
      this.#blocked.delete(writer)
      return 'reading'
    }
    const known = this.#blocked.get(writer) ?? { sinceMs: nowMs, isAnnounced: false }
    this.#blocked.set(writer, known)
    const waitedMs = nowMs - known.sinceMs
    if (waitedMs >= this.#limitMs) return 'expired'
    if (known.isAnnounced || waitedMs < ANNOUNCE_AFTER_MS) return 'waiting'
    known.isAnnounced = true
    return 'announce'
  }

  isBlocked(writer: PartitionWriter): boolean {
    return this.#blocked.has(writer)
  }
}
