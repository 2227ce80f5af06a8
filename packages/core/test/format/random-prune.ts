import type { BackupState, PartitionState } from '../../src/format/backup-state.ts'
import type { Commit, PrunedRange } from '../../src/format/commit.ts'
import { prunedRangeOf } from '../../src/format/pruned-history.ts'
import type { Prng } from '../protocol/prng.ts'
import { randomCommit } from './random-commit.ts'

/** How many parts of a history a prune may take: never the last one of the newest history. */
export function prunableParts(state: BackupState, history: PartitionState): number {
  const isNewest = state.partition(history.topic, history.partition) === history
  return history.parts.length - (isNewest ? 1 : 0)
}

/** Ranges at the begin of what some partitions hold, the oldest histories first; may be empty. */
export function randomRanges(random: Prng, state: BackupState): PrunedRange[] {
  const ranges: PrunedRange[] = []
  const blocked = new Set<string>()
  for (const history of state.partitions()) {
    const name = `${history.topic}/${history.partition}`
    const most = prunableParts(state, history)
    const count = blocked.has(name) || most === 0 ? 0 : random.pick([0, most, 1 + random.below(most)])
    if (count < history.parts.length) blocked.add(name)
    if (count > 0) ranges.push(prunedRangeOf(history, count))
  }
  return ranges
}

/** The next commit, which prunes. */
export function pruneCommit(
  random: Prng,
  state: BackupState,
  pruned: NonNullable<Commit['pruned']>,
): Commit & { readonly pruned: NonNullable<Commit['pruned']> } {
  const nothing = { topics: [], begins: [], segments: [], gaps: [], divergences: [], artifacts: [] }
  const place = { number: state.nextNumber, previousSha256: state.tip?.sha256 ?? null }
  return { ...randomCommit(random), ...nothing, ...place, run: null, pruned }
}
