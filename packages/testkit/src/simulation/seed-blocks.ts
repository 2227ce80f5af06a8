import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { addOccurrences, noOccurrences } from './occurrences.ts'
import type { SeedRange, SeedTotals } from './run-seeds.ts'

/** A thread holds some 300 KiB for each seed that it has run. */
const BLOCK_SEEDS = 1_000

/**
 * Runs the history of each seed, block by block, each in a thread of its own: a process that crashed in a history waits for ever,
 * and only the end of its thread frees what it waits with. `onBlock` is told what each block came to.
 */
export async function runSeedBlocks(
  { from, seeds }: SeedRange,
  onBlock: (block: SeedRange, totals: SeedTotals) => void = () => {},
): Promise<SeedTotals> {
  const blocks: SeedRange[] = []
  for (let done = 0; done < seeds; done += BLOCK_SEEDS)
    blocks.push({ from: from + done, seeds: Math.min(BLOCK_SEEDS, seeds - done) })
  const all: SeedTotals[] = []
  const runOnes = async (): Promise<void> => {
    for (let block = blocks.shift(); block; block = blocks.shift()) {
      const totals = await runBlock(block)
      onBlock(block, totals)
      all.push(totals)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, runOnes))
  return addTotals(all)
}

async function runBlock(workerData: SeedRange): Promise<SeedTotals> {
  const worker = new Worker(new URL('./seed-worker.ts', import.meta.url), { workerData })
  try {
    const [totals] = (await once(worker, 'message')) as [SeedTotals]
    return totals
  } finally {
    await worker.terminate()
  }
}

function addTotals(all: readonly SeedTotals[]): SeedTotals {
  const sum = (of: (totals: SeedTotals) => number) => all.reduce((total, totals) => total + of(totals), 0)
  const occurrences = noOccurrences()
  for (const totals of all) addOccurrences(occurrences, totals.occurrences)
  return {
    seeds: sum(({ seeds }) => seeds),
    runs: sum(({ runs }) => runs),
    commits: sum(({ commits }) => commits),
    edges: sum(({ edges }) => edges),
    crashes: sum(({ crashes }) => crashes),
    faults: sum(({ faults }) => faults),
    occurrences,
    failed: all.flatMap(({ failed }) => failed).sort((a, b) => a.seed - b.seed),
  }
}
