import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runScript } from './temp-tree.ts'

test('this repository keeps to its layers', () => {
  const { exitCode, output } = runScript('check-layers.ts')
  assert.equal(exitCode, 0, output)
})

test('this repository is tidy', () => {
  const { exitCode, output } = runScript('tidy.ts')
  assert.equal(exitCode, 0, output)
})
