import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a measured program reported, and what it cost as a whole process. */
export interface MeasuredRun {
  readonly report: {
    readonly raw_bytes: number
    readonly stored_bytes?: number
    readonly duration_ms: number
  }
  readonly wallMs: number
  readonly cpuSeconds: number
  readonly peakRssMb: number
}

const USAGE_HOOK = new URL('report-usage.js', import.meta.url).href

/** Runs a program of this repository (path from the root) to its end; its stdout must be one JSON document. */
export async function runMeasured(
  folder: string,
  program: string,
  args: readonly string[],
): Promise<MeasuredRun> {
  const usageFile = join(folder, 'usage.json')
  const path = fileURLToPath(new URL(`../${program}`, import.meta.url))
  const beganMs = performance.now()
  const output = await run(['--import', USAGE_HOOK, path, ...args], usageFile)
  const wallMs = performance.now() - beganMs
  const usage = JSON.parse(await readFile(usageFile, 'utf8')) as { cpuSeconds: number; peakRssMb: number }
  return { report: JSON.parse(output), wallMs, ...usage }
}

function run(args: readonly string[], usageFile: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, BENCH_USAGE: usageFile }
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    const output: Buffer[] = []
    const errors: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
    child.on('error', reject)
    child.on('close', (exitCode) => {
      if (exitCode === 0) resolve(Buffer.concat(output).toString())
      else reject(new Error(`${args.join(' ')} ended with ${exitCode}\n${Buffer.concat(errors)}`))
    })
  })
}

/** The run in the middle, by the duration that the program reported. */
export function median(runs: readonly MeasuredRun[]): MeasuredRun {
  const sorted = runs.toSorted((a, b) => a.report.duration_ms - b.report.duration_ms)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (!middle) throw new Error('no run was measured')
  return middle
}
