import { parseArgs } from 'node:util'
import {
  describeFailure,
  describeTotals,
  runSeed,
  runSeeds,
  type SeedTotals,
} from '../packages/testkit/src/simulation/run-seeds.ts'

const USAGE = `Usage: npm run simulate -- [--seeds=1000] [--from=1] [--trace]
Runs simulated histories of backups, one for each seed, and judges their archives. --trace shows what happened, event by event.
The same seed gives the same history; a seed with findings is printed with its command, and the exit code is 1.`
const BLOCK = 1_000
const SHOWN_MAX = 20

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(USAGE)
else process.exitCode = await simulate(Number(values.from), Number(values.seeds))

async function simulate(from: number, seeds: number): Promise<number> {
  if (values.trace) {
    for (let seed = from; seed < from + seeds; seed++)
      console.log((await runSeed(seed, true)).trace.join('\n'))
  }
  let failed = 0
  for (let done = 0; done < seeds; done += BLOCK) {
    const beganMs = performance.now()
    const block = { from: from + done, seeds: Math.min(BLOCK, seeds - done) }
    const totals = await runSeeds(block)
    for (const failure of totals.failed.slice(0, Math.max(SHOWN_MAX - failed, 0)))
      console.log(describeFailure(failure))
    failed += totals.failed.length
    report(block.from, totals, performance.now() - beganMs)
  }
  return failed === 0 ? 0 : 1
}

function report(from: number, totals: SeedTotals, tookMs: number): void {
  console.log(`from ${from}: ${describeTotals(totals)}; ${(tookMs / 1_000).toFixed(1)} s`)
}
