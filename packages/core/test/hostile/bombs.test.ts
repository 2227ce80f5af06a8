import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { BombCost, BombOrder } from './bomb-run.ts'
import { allBombs } from './bombs.ts'

const MIB = 1024 * 1024
const GROWTH_MAX_BYTES = 64 * MIB
const CPU_MAX_MS = 100
/** Real time for all of them; one that is not refused may go on for ever. */
const OPEN_MAX_MS = 90_000
const SAMPLE_MAX_BYTES = 2000

/** Opens the bombs in a process of its own, so that its peak of resident memory is theirs. */
async function open(orders: readonly BombOrder[]): Promise<BombCost[]> {
  const script = fileURLToPath(new URL('bomb-run.ts', import.meta.url))
  const child = spawn(process.execPath, [script], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: OPEN_MAX_MS,
    killSignal: 'SIGKILL',
  })
  const exited = once(child, 'exit')
  child.stdin.end(JSON.stringify(orders))
  const output = await text(child.stdout)
  const [code, signal] = await exited
  const costs = output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as BombCost)
  assert.equal(code, 0, `the process ended with ${code ?? signal} after ${costs.at(-1)?.name ?? 'nothing'}`)
  return costs
}

const isLinux = process.platform === 'linux'

test('bombs are refused in 100 ms and 64 MiB', { skip: !isLinux && 'needs /proc' }, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'bombs-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  const orders: BombOrder[] = []
  for (const [at, { name, decoder, bytes }] of allBombs().entries()) {
    const [file, warmFile] = [join(folder, `${at}`), join(folder, `${at}-warm`)]
    await writeFile(file, bytes)
    await writeFile(warmFile, bytes.subarray(0, SAMPLE_MAX_BYTES))
    orders.push({ name, decoder, file, warmFile })
  }
  const costs = await open(orders)
  assert.equal(costs.length, orders.length)
  const wrong: string[] = []
  for (const { name, outcome, category, cpuMs, grownBytes } of costs) {
    const line = `${name}: ${outcome}, ${cpuMs.toFixed(1)} ms, ${(grownBytes / MIB).toFixed(1)} MiB`
    context.diagnostic(line)
    const isRefused = ['integrity', 'failed'].includes(category)
    if (!isRefused || cpuMs >= CPU_MAX_MS || grownBytes >= GROWTH_MAX_BYTES) wrong.push(line)
  }
  assert.deepEqual(wrong, [])
})
