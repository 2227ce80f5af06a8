import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { commandOf, FIGURES } from '../../scripts/figure-list.ts'
import { type MeasuredFigure, renderPromises } from '../../scripts/figure-page.ts'
import { findTestFiles } from '../../scripts/test-files.ts'
import { REPOSITORY, runScript } from './temp-tree.ts'

const read = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8')

test('every file of a figure is a test, and takes the variables that make it long', () => {
  for (const { id, runs } of FIGURES) {
    for (const run of runs) {
      for (const part of run.files) {
        const { light, withBrokers, waiting } = findTestFiles(REPOSITORY, [part])
        const found = [...light, ...withBrokers, ...waiting]
        assert.ok(found.length > 0, `${id}: ${part}`)
        for (const name of Object.keys(run.long)) {
          const suites = found.map((path) => read(path.replace(/-(?:kafka-)?[34]\.test\.ts$/, '-suite.ts')))
          assert.ok(
            suites.some((text) => text.includes(`process.env.${name} `)),
            `${id}: ${part} knows ${name}`,
          )
        }
      }
    }
  }
})

test('the page is what the results say, and each figure names its command', () => {
  const results = JSON.parse(read('docs/promises.json')) as readonly MeasuredFigure[]
  assert.equal(read('docs/promises.md'), renderPromises(FIGURES, results))
  for (const { id, runs } of results) {
    const known = FIGURES.find((figure) => figure.id === id)
    assert.equal(runs.length, known?.runs.length, id)
    for (const [at, { command }] of runs.entries())
      assert.ok(
        [commandOf(known!.runs[at]!, 'short'), commandOf(known!.runs[at]!, 'long')].includes(command),
        command,
      )
  }
})

test('a figure that failed is called broken', () => {
  const run = { command: 'npm test -- x', passed: 3, failed: 1, tookS: 2, said: ['20 kills, 1 lost'] }
  const page = renderPromises(FIGURES, [
    { id: 'F3', date: '2026-01-02', commit: 'abc', machine: '2 cores', runs: [run] },
  ])
  assert.match(page, /## F3: .*\n\n\*\*Broken\*\*: 1 failed, 2026-01-02/)
  assert.match(page, /20 kills, 1 lost\n3 passed, 1 failed, 2 s/)
  assert.match(page, /## F1: .*\n\nNot measured yet\./)
})

test('a figure that does not exist is refused before anything runs', () => {
  const { exitCode, output } = runScript('figures.ts', '--only=F99')
  assert.notEqual(exitCode, 0)
  assert.match(output, /there is no figure F99/)
})
