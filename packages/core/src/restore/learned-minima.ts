import { minimumOrNull } from '../format/frame-minimum.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { keepMinima } from '../repository/kept-minima.ts'
import type { Clock } from '../runtime/clock.ts'
import { withinGrace } from '../runtime/grace.ts'
import { LIMITS } from '../runtime/limits.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'

const CONCURRENT_PUTS = 8

/** Minima that a restore came across in frames whose index does not know them, for those that come after it. */
export class LearnedMinima {
  readonly #segments = new Map<string, { record: SegmentRecord; minima: Map<number, bigint> }>()

  /** Takes the minimum of a frame that was read; its number is that in the index. Batches that cannot be read are not its concern. */
  learn(record: SegmentRecord, frame: number, batches: Buffer, maxTimestampMs: bigint): void {
    const own = this.#segments.get(record.key) ?? { record, minima: new Map<number, bigint>() }
    if (own.minima.has(frame)) return
    const minMs = minimumOrNull(batches, LIMITS.batchMaxRawBytes)
    if (minMs === null || minMs > maxTimestampMs) return
    own.minima.set(frame, minMs)
    this.#segments.set(record.key, own)
  }

  /**
   * Keeps them beside their segments, for 10 seconds at most. An account that may only read, and a store that fails, change nothing:
   * the next restore finds the same.
   */
  async keep(storage: StorageBackend, backupId: string, clock: Clock): Promise<void> {
    const found = [...this.#segments.values()]
    this.#segments.clear()
    if (found.length === 0) return
    const grace = { graceMs: LIMITS.cleanupGraceMs, reason: () => new Error('minima are not worth the wait') }
    await withinGrace(clock, grace, (signal) =>
      // The first refusal ends it: the others would be refused as well.
      runConcurrently(found, CONCURRENT_PUTS, async ({ record, minima }) => {
        signal.throwIfAborted()
        await keepMinima(storage, backupId, record, minima, signal)
      }),
    ).catch(() => undefined)
  }
}
