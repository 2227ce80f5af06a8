import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { Catch } from './children/hunt.ts'
import type { PlantedDefect } from './planted-defect.ts'
import { PLANTED_DEFECTS } from './planted-defects.ts'

const SEEDS_MAX = 600
const OUTPUT_MAX_BYTES = 4 * 1024 * 1024
const HOOK = pathToFileURL(fileURLToPath(new URL('children/plant-defect.ts', import.meta.url))).href
const HUNT = fileURLToPath(new URL('children/hunt.ts', import.meta.url))

const run = promisify(execFile)

/** Runs the simulation with the defect in the program. */
async function hunt({ name, seeds = SEEDS_MAX }: PlantedDefect): Promise<Catch> {
  const options = { env: { ...process.env, PLANTED_DEFECT: name }, maxBuffer: OUTPUT_MAX_BYTES }
  const { stdout, stderr } = await run(process.execPath, ['--import', HOOK, HUNT, String(seeds)], options)
  assert.match(stderr, /^planted$/m, 'the defect is in the program')
  return JSON.parse(stdout) as Catch
}

/** The bench is as good as what it catches: each of these has to be found, and called by its name. */
describe('planted defects', { concurrency: 2 }, () => {
  for (const defect of PLANTED_DEFECTS) {
    test(defect.name, async (t) => {
      const { first, seeds } = await hunt(defect)
      assert.ok(first, `${seeds} seeds did not notice it`)
      const classes = new Set(first.findings.map((finding) => finding.class))
      t.diagnostic(`${defect.name}: ${[...classes].join(', ')} after ${seeds} seeds`)
      const isNamed = defect.caughtAs.some((kind) => classes.has(kind))
      assert.ok(isNamed, `caught as ${[...classes].join(', ')}: ${JSON.stringify(first.findings[0])}`)
    })
  }
})
