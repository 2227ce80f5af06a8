import type { OffsetRun } from '../format/restore-ledger.ts'
import type { SourceRun } from './lane-batch.ts'

/** Gathers where records of one target partition came from and went to; neighbours become one run. */
export class OffsetRuns {
  #runs: OffsetRun[] = []

  /** The records of `runs` stand in the target from `targetOffset` on, without a hole. */
  place(runs: readonly SourceRun[], targetOffset: bigint): void {
    let offset = targetOffset
    for (const { source, firstOffset, records } of runs) {
      this.#add({ source, sourceOffset: firstOffset, targetOffset: offset, records })
      offset += BigInt(records)
    }
  }

  get length(): number {
    return this.#runs.length
  }

  /** What was gathered since the last call. */
  take(): readonly OffsetRun[] {
    const runs = this.#runs
    this.#runs = []
    return runs
  }

  #add(run: OffsetRun): void {
    const last = this.#runs.at(-1)
    const isNext =
      last !== undefined &&
      last.source === run.source &&
      last.sourceOffset + BigInt(last.records) === run.sourceOffset &&
      last.targetOffset + BigInt(last.records) === run.targetOffset
    if (isNext) this.#runs[this.#runs.length - 1] = { ...last, records: last.records + run.records }
    else this.#runs.push(run)
  }
}

/** The first `records` records of these runs, and the rest. */
export function splitRuns(
  runs: readonly SourceRun[],
  records: number,
): readonly [first: SourceRun[], rest: SourceRun[]] {
  const first: SourceRun[] = []
  const rest: SourceRun[] = []
  let left = records
  for (const run of runs) {
    const taken = Math.min(left, run.records)
    if (taken > 0) first.push({ ...run, records: taken })
    if (taken < run.records)
      rest.push({ ...run, firstOffset: run.firstOffset + BigInt(taken), records: run.records - taken })
    left -= taken
  }
  return [first, rest]
}
