import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { findTestFiles } from './test-files.ts'
import { missingPrerequisites, skipReasons } from './test-prerequisites.ts'
import { type FileResult, runTestFile, signalRunning } from './test-process.ts'
import { addTallies, summaryLine } from './test-tally.ts'

const USAGE = `Usage: npm test -- [part of a path …] [--concurrency=2] [--brokers=3] [--timeout-s=…] [--root=folder]
Runs the test files whose path holds one of the parts; without one all but the proofs, which npm run proof runs. --brokers says how many of those that start brokers run at
a time: they wait more than they compute. --timeout-s is for each file: 600, or four hours where parts are named, since variables such as KILLS make a file long.`
const TIMEOUT_S = 600
const NAMED_TIMEOUT_S = 4 * 3600
const SLOWEST = 10
const NOTE_INDENT = 18

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    concurrency: { type: 'string', default: '2' },
    brokers: { type: 'string', default: '3' },
    'timeout-s': { type: 'string' },
    root: { type: 'string', default: join(import.meta.dirname, '..') },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(USAGE)
else process.exitCode = await runAll()

async function runAll(): Promise<number> {
  const root = resolve(values.root)
  const { light, withBrokers, waiting } = findTestFiles(root, positionals)
  const missing = missingPrerequisites(withBrokers.length + waiting.length > 0)
  if (missing.length > 0) {
    console.error(`The tests cannot run here. Missing:\n${missing.map((line) => `- ${line}`).join('\n')}`)
    return 1
  }
  const interruption = watchSignals()
  const folder = mkdtempSync(join(tmpdir(), 'kafka-backup-tests-'))
  try {
    const runOne = runnerOf(root, folder)
    const results = await runPool(light, Number(values.concurrency), runOne, interruption)
    const pools = [
      runPool(withBrokers, Number(values.brokers), runOne, interruption),
      runPool(waiting, 1, runOne, interruption),
    ]
    results.push(...(await Promise.all(pools)).flat())
    const notRun = light.length + withBrokers.length + waiting.length - results.length
    report(results, notRun)
    return exitCodeOf(results, notRun)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function runnerOf(root: string, folder: string): (file: string) => Promise<FileResult> {
  const timeoutS = Number(values['timeout-s'] ?? (positionals.length > 0 ? NAMED_TIMEOUT_S : TIMEOUT_S))
  let count = 0
  return async (file) => {
    const eventsPath = join(folder, `${++count}.jsonl`)
    const result = await runTestFile(file, {
      root,
      eventsPath,
      timeoutMs: timeoutS * 1000,
    })
    const mark = result.failures.length > 0 ? 'FAILED' : 'ok'
    console.log(`${mark.padEnd(6)} ${seconds(result)}  ${file} (${summaryLine(result)})`)
    for (const note of result.notes) console.log(`${' '.repeat(NOTE_INDENT)}${note}`)
    return result
  }
}

/** Runs the files side by side, `width` at a time. */
async function runPool(
  files: readonly string[],
  width: number,
  runOne: (file: string) => Promise<FileResult>,
  interruption: AbortSignal,
): Promise<FileResult[]> {
  const waiting = [...files]
  const results: FileResult[] = []
  const worker = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && !interruption.aborted; file = waiting.shift()) {
      results.push(await runOne(file))
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, width) }, worker))
  return results
}

/** Ends what is running and begins nothing new, so that no broker is left behind. */
function watchSignals(): AbortSignal {
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interruption.abort()
      signalRunning(signal)
    })
  }
  return interruption.signal
}

function report(results: readonly FileResult[], notRun: number): void {
  for (const result of results.filter(({ failures }) => failures.length > 0)) {
    for (const { name, error } of result.failures)
      console.log(`\nFAILED ${result.file}\n  ${name}\n${indent(error)}`)
    if (result.output.trim() !== '')
      console.log(`\noutput of ${result.file}:\n${indent(result.output.trim())}`)
  }
  const slowest = results.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, SLOWEST)
  console.log(`\nSlowest files:`)
  for (const result of slowest) console.log(`${seconds(result)}  ${result.file}`)
  if (notRun > 0) console.log(`\nNot run, because of an interruption: ${notRun} files`)
  if (results.length === 0) console.log('\nNo test file was found.')
  const tally = addTallies(results)
  if (tally.skipped > 0) for (const reason of skipReasons()) console.log(`\nSkipped: ${reason}`)
  console.log(`\n${summaryLine(tally)}`)
}

/** A run without a single test proves nothing, and neither does half a run. */
function exitCodeOf(results: readonly FileResult[], notRun: number): number {
  const { passed, skipped, failures } = addTallies(results)
  return failures.length === 0 && notRun === 0 && passed + skipped > 0 ? 0 : 1
}

function seconds({ durationMs }: FileResult): string {
  return `${(durationMs / 1000).toFixed(1).padStart(7)} s`
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ')
}
