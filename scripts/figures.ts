import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { commandOf, FIGURES, type Figure, type FigureRun, type FigureTier } from './figure-list.ts'
import { type MeasuredFigure, type MeasuredRun, renderPromises } from './figure-page.ts'
import { findTestFiles } from './test-files.ts'
import { missingPrerequisites } from './test-prerequisites.ts'
import { runTestFile } from './test-process.ts'
import { addTallies } from './test-tally.ts'

const USAGE = `Usage: npm run figures -- [--tier=long|short] [--only=F1,F3]
Counts what the project promises, one figure after the other, and writes docs/promises.md. The long tier takes many hours.`
const ROOT = join(import.meta.dirname, '..')
const RESULTS = join(ROOT, 'docs/promises.json')
const PAGE = join(ROOT, 'docs/promises.md')
const FILE_TIMEOUT_MS = 12 * 3600_000

const { values } = parseArgs({
  options: {
    tier: { type: 'string', default: 'long' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(USAGE)
else process.exitCode = await measureAll(chosenTier(values.tier), chosenFigures(values.only))

function chosenTier(tier: string): FigureTier {
  if (tier === 'long' || tier === 'short') return tier
  throw new Error(`--tier is long or short, not ${tier}`)
}

function chosenFigures(only: string | undefined): readonly Figure[] {
  const wanted = only?.split(',') ?? FIGURES.map(({ id }) => id)
  return wanted.map((id) => {
    const figure = FIGURES.find((candidate) => candidate.id === id)
    if (!figure)
      throw new Error(`there is no figure ${id}; there are ${FIGURES.map((one) => one.id).join(', ')}`)
    return figure
  })
}

/** Measures one figure after the other, since they share the machine, and writes the page after each. */
async function measureAll(tier: FigureTier, figures: readonly Figure[]): Promise<number> {
  const missing = missingPrerequisites(true)
  if (missing.length > 0)
    throw new Error(`the figures cannot be counted here. Missing: ${missing.join('; ')}`)
  const measured = readResults()
  let failed = 0
  for (const figure of figures) {
    console.log(`${figure.id}: ${figure.promise}`)
    const runs: MeasuredRun[] = []
    for (const run of figure.runs) runs.push(await measure(run, tier))
    failed += runs.reduce((sum, run) => sum + run.failed, 0)
    measured.set(figure.id, { id: figure.id, ...circumstances(), runs })
    writeResults(measured)
  }
  return failed === 0 ? 0 : 1
}

async function measure(run: FigureRun, tier: FigureTier): Promise<MeasuredRun> {
  const { light, withBrokers, waiting } = findTestFiles(ROOT, run.files)
  const files = [...light, ...withBrokers, ...waiting]
  if (files.length === 0) throw new Error(`no test file is named like ${run.files.join(' or ')}`)
  const folder = mkdtempSync(join(tmpdir(), 'kafka-backup-figures-'))
  const beganMs = performance.now()
  try {
    const results = []
    for (const [at, file] of files.entries()) {
      const eventsPath = join(folder, `${at}.jsonl`)
      const env = tier === 'long' ? run.long : {}
      results.push(await runTestFile(file, { root: ROOT, eventsPath, timeoutMs: FILE_TIMEOUT_MS, env }))
    }
    for (const { file, failures } of results)
      for (const { name, error } of failures) console.error(`FAILED ${file}: ${name}\n${error}`)
    const said = results.flatMap(({ notes }) => notes)
    const { passed, failures } = addTallies(results)
    const tookS = Math.round((performance.now() - beganMs) / 1_000)
    const outcome = { command: commandOf(run, tier), passed, failed: failures.length, tookS, said }
    console.log(`  ${outcome.command}: ${passed} passed, ${failures.length} failed, ${tookS} s`)
    return outcome
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function circumstances(): Pick<MeasuredFigure, 'date' | 'commit' | 'machine'> {
  const commit = execFileSync('git', ['rev-parse', '--short=10', 'HEAD'], {
    cwd: ROOT,
    encoding: 'utf8',
  }).trim()
  const gibibytes = Math.round(totalmem() / 2 ** 30)
  const machine = `${cpus().length} cores, ${gibibytes} GiB, Node.js ${process.versions.node}`
  return { date: new Date().toISOString().slice(0, 10), commit, machine }
}

function readResults(): Map<string, MeasuredFigure> {
  if (!existsSync(RESULTS)) return new Map()
  const results = JSON.parse(readFileSync(RESULTS, 'utf8')) as readonly MeasuredFigure[]
  return new Map(results.map((result) => [result.id, result]))
}

function writeResults(measured: ReadonlyMap<string, MeasuredFigure>): void {
  const results = FIGURES.flatMap(({ id }) => measured.get(id) ?? [])
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`)
  writeFileSync(PAGE, renderPromises(FIGURES, results))
}
