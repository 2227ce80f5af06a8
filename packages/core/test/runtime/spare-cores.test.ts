import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../src/runtime/clock.ts'
import { SpareCores } from '../../src/runtime/spare-cores.ts'

test('what is idle and what the asker uses itself is to spare, on average since the last look', () => {
  let nowMs = 5_000
  let idleMs = 70_000
  const clock: Clock = { nowMs: () => 0, monotonicMs: () => nowMs, sleep: async () => undefined }
  const spare = new SpareCores(clock, () => idleMs)
  const after = (elapsedMs: number, idle: number, ownMs: number): number => {
    nowMs += elapsedMs
    idleMs += idle
    return spare.count(ownMs)
  }
  assert.equal(after(100, 100, 0), 0, 'too early to tell')
  assert.equal(after(100, 100, 0), 1)
  assert.equal(after(400, 200, 200), 1, 'half a core idle, half a core ours')
  assert.equal(after(100, 0, 200), 1, 'as it was')
  assert.equal(after(300, 0, 200), 0)
})

test('the machine tells how much of it is idle', () => {
  let nowMs = 0
  const clock: Clock = { nowMs: () => 0, monotonicMs: () => nowMs, sleep: async () => undefined }
  const spare = new SpareCores(clock)
  nowMs = 1_000
  const cores = spare.count(0)
  assert.ok(cores >= 0 && Number.isFinite(cores))
})
