import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RunSummary } from '../../src/format/backup-state.ts'
import { viewJob } from '../../src/observe/job-view.ts'
import type { JobRow, OffsetState } from '../../src/observe/offset-state.ts'
import { jobRow } from './offset-samples.ts'

const NOW = 1_700_000_200_000

function state(parts: Partial<JobRow>): OffsetState {
  return { job: jobRow(parts), offsets: [], seen: null }
}

function run(id: string, endedAtMs: number): RunSummary {
  return {
    ...{ id, outcome: 'complete', isolation: 'read_committed', unread: [] },
    ...{ beganAtMs: 0n, targetAtMs: 0n, endedAtMs: BigInt(endedAtMs) },
    ...{ lastCommit: 1n, records: 0, storedBytes: 0, gaps: 0 },
  }
}

function livenessAfter(ageMs: number, parts: Partial<JobRow> = {}, from: 'local' | 'copy' = 'local') {
  const found = { local: null, copy: null, [from]: state({ ...parts, lastHeartbeatMs: NOW - ageMs }) }
  return viewJob({ ...found, lastRun: null, nowMs: NOW })?.liveness
}

describe('whether a run is there', () => {
  test('is told by its heartbeat: three missing ones end it, whatever it said of itself', () => {
    assert.equal(livenessAfter(15_000), 'running')
    assert.equal(livenessAfter(15_001), 'gone')
    assert.equal(livenessAfter(15_000, { status: 'paused' }), 'paused')
    assert.equal(livenessAfter(15_001, { status: 'paused' }), 'gone')
    assert.equal(livenessAfter(1e9, { status: 'completed', outcome: 'complete' }), 'ended')
    assert.equal(livenessAfter(0, { status: 'paused', outcome: 'interrupted' }), 'ended')
  })

  test('is told by the pace of the copies where only a copy tells of it', () => {
    assert.equal(livenessAfter(90_000, {}, 'copy'), 'running')
    assert.equal(livenessAfter(90_001, {}, 'copy'), 'gone')
    assert.equal(livenessAfter(15_001, { syncIntervalMs: 0 }, 'copy'), 'gone')
  })

  test('survives the clock of another machine', () => {
    const copy = state({ lastHeartbeatMs: NOW + 60_000 })
    const view = viewJob({ local: null, copy, lastRun: null, nowMs: NOW })
    assert.deepEqual([view?.liveness, view?.ageMs], ['running', 0])
  })

  test('is not put off by an interval of no length', () => {
    assert.equal(livenessAfter(10_000, { heartbeatIntervalMs: 0 }), 'running')
  })
})

describe('of what is known', () => {
  test('the newest counts, wherever it is', () => {
    const [older, newer] = [state({ lastHeartbeatMs: NOW - 9_000 }), state({ lastHeartbeatMs: NOW - 1_000 })]
    assert.equal(viewJob({ local: newer, copy: older, lastRun: null, nowMs: NOW })?.from, 'local')
    assert.equal(viewJob({ local: older, copy: newer, lastRun: null, nowMs: NOW })?.from, 'copy')
    assert.equal(viewJob({ local: null, copy: null, lastRun: null, nowMs: NOW }), null)
  })

  test('a run that the commits know to be newer makes the rest history', () => {
    const local = state({ runId: 'old', lastHeartbeatMs: NOW - 60_000 })
    assert.equal(viewJob({ local, copy: null, lastRun: run('new', NOW - 1_000), nowMs: NOW }), null)
    assert.equal(
      viewJob({ local, copy: null, lastRun: run('old', NOW - 1_000), nowMs: NOW })?.job.runId,
      'old',
    )
    // It failed before its first commit: no commit tells of it.
    const failed = state({ runId: null, outcome: 'failed', lastHeartbeatMs: NOW })
    const view = viewJob({ local: failed, copy: null, lastRun: run('new', NOW - 1_000), nowMs: NOW })
    assert.equal(view?.job.outcome, 'failed')
  })
})
