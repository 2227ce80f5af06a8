import { parseArgs } from 'node:util'
import {
  describeFailure,
  describeOccurrences,
  describeTotals,
  runSeed,
} from '../packages/testkit/src/simulation/run-seeds.ts'
import { runSeedBlocks } from '../packages/testkit/src/simulation/seed-blocks.ts'

const USAGE = `Usage: npm run simulate -- [--seeds=1000] [--from=1] [--trace]
Runs simulated histories of backups, one for each seed, and judges their archives. --trace shows what happened, event by event.
The same seed gives the same history; a seed with findings is printed with its command, and the exit code is 1.`
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
  let shown = 0
  const totals = await runSeedBlocks({ from, seeds }, (block, own) => {
    for (const failure of own.failed.slice(0, Math.max(SHOWN_MAX - shown, 0)))
      console.log(describeFailure(failure))
    shown += own.failed.length
    console.log(`from ${block.from}: ${describeTotals(own)}`)
  })
  console.log(describeTotals(totals))
  console.log(describeOccurrences(totals))
  return totals.failed.length === 0 ? 0 : 1
}
