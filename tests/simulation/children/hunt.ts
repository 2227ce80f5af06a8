// Runs seeds until one has a finding, and says which: hunt.ts SEEDS
import { writeSync } from 'node:fs'
import { type FailedSeed, runSeeds } from '../../../packages/testkit/src/simulation/run-seeds.ts'
import { PLANTED_DEFECTS } from '../planted-defects.ts'

/** The first seed with findings; null when there was none. */
export interface Catch {
  readonly seeds: number
  readonly first: FailedSeed | null
}

const under = PLANTED_DEFECTS.find(({ name }) => name === process.env.PLANTED_DEFECT)?.under ?? {}
const [seeds = '1'] = process.argv.slice(2)
const totals = await runSeeds({ from: 1, seeds: Number(seeds) }, ({ failed }) => failed.length > 0, under)
const caught: Catch = { seeds: totals.seeds, first: totals.failed[0] ?? null }
writeSync(1, JSON.stringify(caught))
// A defect may have left something running.
process.exit(0)
