import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import {
  CASE_HANG_MS,
  type Finding,
  type FuzzOrder,
  type FuzzTally,
  HEAP_MAX_MIB,
  RESIDENT_GROWTH_MAX_BYTES,
  YOUNG_HEAP_MAX_MIB,
} from './fuzz-order.ts'

// A longer run: FUZZ_CASES=50000000 FUZZ_SEED=7 node --test packages/core/test/hostile/fuzz.test.ts
const CASES = Number(process.env.FUZZ_CASES ?? 1_000_000)
const SEED = Number(process.env.FUZZ_SEED ?? 1)
/** Repeats one case alone. */
const ONLY = process.env.FUZZ_CASE

const WATCH_INTERVAL_MS = 500
/** Too few cases of a target say nothing about how many of them are accepted. */
const SHARE_MIN_CASES = 2000

interface FuzzResult {
  readonly finding?: Finding | undefined
  readonly tallies: readonly FuzzTally[]
}

function replay(index: number): string {
  return `FUZZ_SEED=${SEED} FUZZ_CASE=${index} node --test packages/core/test/hostile/fuzz.test.ts`
}

/** Runs the cases in a thread of their own: it can be watched, ended, and bounded in memory. */
function runFuzz(first: number, end: number): Promise<FuzzResult> {
  const progress = new SharedArrayBuffer(8)
  const order: FuzzOrder = { seed: SEED, first, end, progress }
  const worker = new Worker(new URL('fuzz-worker.ts', import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MIB, maxYoungGenerationSizeMb: YOUNG_HEAP_MAX_MIB },
  })
  const current = new Float64Array(progress).fill(Number.NaN)
  return new Promise((resolve, reject) => {
    let [seen, sinceMs] = [-1, performance.now()]
    const fail = (what: string) => {
      clearInterval(watch)
      reject(new Error(`case ${current[0]} ${what}\nAgain: ${replay(current[0] ?? 0)}`))
      void worker.terminate()
    }
    const watch = setInterval(() => {
      const index = current[0] ?? Number.NaN
      if (index !== seen || Number.isNaN(index)) [seen, sinceMs] = [index, performance.now()]
      else if (performance.now() - sinceMs > CASE_HANG_MS) fail('hangs')
    }, WATCH_INTERVAL_MS)
    worker.once('message', (result: FuzzResult) => {
      clearInterval(watch)
      resolve(result)
    })
    worker.once('error', (error) => fail(`ended the thread: ${error}`))
    worker.once('exit', (code) => fail(`ended the thread with code ${code}`))
  })
}

test(`hostile bytes: ${ONLY === undefined ? `${CASES} cases` : `case ${ONLY}`}, seed ${SEED}`, async (context) => {
  const first = Number(ONLY ?? 0)
  const before = process.resourceUsage().maxRSS
  const { finding, tallies } = await runFuzz(first, ONLY === undefined ? CASES : first + 1)
  if (finding) {
    const { index, target, what, hex } = finding
    assert.fail(`${target}, case ${index}: ${what}\nAgain: ${replay(index)}\nBytes: ${hex}`)
  }
  for (const { name, cases, accepted, elapsedMs, acceptedMin, acceptedMax } of tallies) {
    if (cases === 0) continue
    const share = accepted / cases
    const each = ((elapsedMs / cases) * 1000).toFixed(0)
    context.diagnostic(`${name}: ${cases} cases, ${(share * 100).toFixed(1)} % accepted, ${each} us each`)
    if (cases < SHARE_MIN_CASES) continue
    assert.ok(share >= acceptedMin, `${name}: only ${accepted} of ${cases} were accepted`)
    assert.ok(share <= acceptedMax, `${name}: ${accepted} of ${cases} were accepted`)
  }
  const grownBytes = (process.resourceUsage().maxRSS - before) * 1024
  context.diagnostic(`resident memory: ${Math.round(grownBytes / 2 ** 20)} MiB more at its peak`)
  assert.ok(grownBytes < RESIDENT_GROWTH_MAX_BYTES, `${grownBytes} bytes more at the peak`)
})
