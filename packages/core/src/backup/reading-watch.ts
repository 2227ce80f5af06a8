import type { Observer } from '../events/run-event.ts'
import type { FetchedPartition } from '../kafka/fetch-api.ts'
import type { Clock } from '../runtime/clock.ts'
import { DeletionWatch } from './deletion-watch.ts'
import type { PartitionWriter } from './partition-writer.ts'

/** When to warn. Times in milliseconds. */
export interface ReadingWatchOptions {
  readonly clock: Clock
  readonly observe: Observer
  /** Warns when offsets will be deleted within this time; 0: never. */
  readonly deletionWarningMs: number
}

const WARN_AGAIN_MS = 30_000

/** Watches the log starts of all partitions of a run, and warns of those that come too near. */
export class ReadingWatch {
  readonly #options: ReadingWatchOptions
  readonly #watches = new Map<PartitionWriter, DeletionWatch>()
  readonly #urgent = new Set<PartitionWriter>()
  readonly #warnedAtMs = new Map<PartitionWriter, number>()

  constructor(options: ReadingWatchOptions) {
    this.#options = options
  }

  /** True for partitions whose offsets will be deleted soon. */
  isUrgent(writer: PartitionWriter): boolean {
    return this.#urgent.has(writer)
  }

  /** Takes an answer after its batches were taken. */
  note(writer: PartitionWriter, fetched: FetchedPartition): void {
    const { clock, deletionWarningMs } = this.#options
    if (deletionWarningMs === 0) return
    const nowMs = clock.monotonicMs()
    const { nextOffset } = writer.intake
    const secondsLeft = this.#watchOf(writer).observe(nowMs, fetched.logStartOffset, nextOffset)
    if (secondsLeft === null || secondsLeft * 1_000 > deletionWarningMs) {
      this.#urgent.delete(writer)
      return
    }
    this.#urgent.add(writer)
    this.#warn(writer, nowMs, { secondsLeft, marginOffsets: nextOffset - fetched.logStartOffset })
  }

  #watchOf(writer: PartitionWriter): DeletionWatch {
    const known = this.#watches.get(writer)
    if (known) return known
    const watch = new DeletionWatch()
    this.#watches.set(writer, watch)
    return watch
  }

  #warn(
    writer: PartitionWriter,
    nowMs: number,
    found: { readonly secondsLeft: number; readonly marginOffsets: bigint },
  ): void {
    if (nowMs - (this.#warnedAtMs.get(writer) ?? -WARN_AGAIN_MS) < WARN_AGAIN_MS) return
    this.#warnedAtMs.set(writer, nowMs)
    const { topic, partition } = writer.plan
    this.#options.observe({ type: 'deletion_near', topic, partition, ...found })
  }
}
