import { parentPort, workerData } from 'node:worker_threads'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { prng } from '../protocol/prng.ts'
import { answerTargets } from './answer-targets.ts'
import { archiveTargets } from './archive-targets.ts'
import { batchTargets } from './batch-targets.ts'
import { codecTargets } from './codec-targets.ts'
import {
  CASE_MAX_MS,
  type Finding,
  type FuzzOrder,
  type FuzzTally,
  HEAP_GROWTH_MAX_BYTES,
} from './fuzz-order.ts'
import type { FuzzCase, FuzzTarget } from './fuzz-target.ts'

const CHECK_INTERVAL = 1024
const CASE_SHOWN_MAX_BYTES = 4096

const order = workerData as FuzzOrder
const progress = new Float64Array(order.progress)
const targets = [...batchTargets(), ...codecTargets(), ...answerTargets(), ...(await archiveTargets())]
const totalWeight = targets.reduce((sum, { weight }) => sum + weight, 0)
const tallies: FuzzTally[] = targets.map(({ name, acceptedMin, acceptedMax = 0.98 }) => ({
  name,
  acceptedMin,
  acceptedMax,
  cases: 0,
  accepted: 0,
  elapsedMs: 0,
}))

/** Every case has a beginning of its own, so that it can be repeated without those before. */
function caseAt(index: number): { target: FuzzTarget; fuzzCase: FuzzCase; at: number } {
  const random = prng(Math.imul(order.seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b))
  let left = (random.below(2 ** 30) / 2 ** 30) * totalWeight
  let at = 0
  while (at < targets.length - 1 && left >= targets[at]!.weight) left -= targets[at++]!.weight
  const target = targets[at]!
  return { target, at, fuzzCase: target.make(random) }
}

function finding(index: number, what: string): Finding {
  const { target, fuzzCase } = caseAt(index)
  const hex = fuzzCase.bytes.subarray(0, CASE_SHOWN_MAX_BYTES).toString('hex')
  return { index, target: target.name, what, hex }
}

/** What is wrong with how the case ended; undefined when nothing is. */
async function outcomeOf(
  target: FuzzTarget,
  fuzzCase: FuzzCase,
  tally: FuzzTally,
): Promise<string | undefined> {
  try {
    const pending = fuzzCase.run()
    if (pending instanceof Promise) await pending
    tally.accepted++
    return undefined
  } catch (error) {
    if (isKafkaBackupError(error) && target.categories.includes(error.category)) return undefined
    if (isKafkaBackupError(error)) return `an error of category ${error.category}: ${error.stack}`
    return `not one of our errors: ${error instanceof Error ? error.stack : String(error)}`
  }
}

/** Processor time of one case, again: on a busy machine the clock shows the others' work. */
async function cpuMsOf(index: number): Promise<number> {
  const { target, fuzzCase, at } = caseAt(index)
  const before = process.threadCpuUsage()
  await outcomeOf(target, fuzzCase, { ...tallies[at]! })
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

async function fuzz(): Promise<Finding | undefined> {
  const before = heldBytes()
  for (let index = order.first; index < order.end; index++) {
    progress[0] = index
    const { target, fuzzCase, at } = caseAt(index)
    const tally = tallies[at]!
    const beginMs = performance.now()
    const what = await outcomeOf(target, fuzzCase, tally)
    const elapsedMs = performance.now() - beginMs
    tally.cases++
    tally.elapsedMs += elapsedMs
    if (what !== undefined) return finding(index, what)
    if (elapsedMs > CASE_MAX_MS && (await cpuMsOf(index)) > CASE_MAX_MS) {
      return finding(index, `took ${elapsedMs} ms`)
    }
    if (index % CHECK_INTERVAL !== 0) continue
    // Native decoders let go of the buffers of a failed call in a later turn of the event loop.
    await new Promise(setImmediate)
    const grown = heldBytes() - before
    if (grown > HEAP_GROWTH_MAX_BYTES) return finding(index, `memory grew by ${grown} bytes until here`)
  }
  return undefined
}

function heldBytes(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

parentPort?.postMessage({ finding: await fuzz(), tallies })
