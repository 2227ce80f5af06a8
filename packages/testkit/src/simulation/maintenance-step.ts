import type { SeededRandom } from '../seeded-random.ts'

/** What somebody does to a backup beside extending it. Sizes in bytes, times in milliseconds. */
export type MaintenanceStep =
  | { readonly verb: 'repair'; readonly isRemovingOrphans: boolean }
  | {
      readonly verb: 'compact'
      readonly segmentMaxBytes: number
      readonly isUnbundling: boolean
      /** null: whatever its age. */
      readonly olderThanMs: number | null
    }
  | PruneStep

/** Without any bound it takes nothing out, and deletes what earlier ones have freed. */
export interface PruneStep {
  readonly verb: 'prune'
  readonly olderThanMs: number | null
  readonly maxBytes: number | null
  readonly keepRuns: number | null
  readonly isRelative: boolean
}

/** Deletes what is due, and takes nothing out. */
export const SWEEP: PruneStep = {
  ...{ verb: 'prune', olderThanMs: null, maxBytes: null, keepRuns: null, isRelative: false },
}

const VERBS = ['repair', 'compact', 'compact', 'prune', 'prune'] as const

export function drawStep(random: SeededRandom): MaintenanceStep {
  const verb = random.pick(VERBS)
  const olderThanMs = random.pick([500, 5_000, 20_000])
  switch (verb) {
    case 'repair':
      return { verb, isRemovingOrphans: random.chance(0.8) }
    case 'compact':
      return {
        verb,
        segmentMaxBytes: random.pick([1_500, 20_000, 1_000_000]),
        isUnbundling: random.chance(0.5),
        olderThanMs: random.chance(0.3) ? olderThanMs : null,
      }
    default:
      return drawPrune(random, olderThanMs)
  }
}

function drawPrune(random: SeededRandom, olderThanMs: number): PruneStep {
  const bound = random.pick(['age', 'age', 'size', 'runs', 'all', 'none'] as const)
  const has = (kind: typeof bound) => bound === kind || bound === 'all'
  return {
    verb: 'prune',
    olderThanMs: has('age') ? olderThanMs : null,
    maxBytes: has('size') ? random.pick([0, 1_000, 10_000]) : null,
    keepRuns: has('runs') ? 1 + random.below(3) : null,
    isRelative: random.chance(0.5),
  }
}
