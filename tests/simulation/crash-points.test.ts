import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HistoryResult, runHistory } from '../../packages/testkit/src/simulation/history.ts'
import { type HistoryOptions, historyOf } from '../../packages/testkit/src/simulation/history-options.ts'
import type { CrashMoment } from '../../packages/testkit/src/simulation/simulated-process.ts'

const MOMENTS: readonly CrashMoment[] = ['before', 'after', 'late']
const NEVER = { edge: Number.MAX_SAFE_INTEGER, moment: 'before' } as const

/** A small topic and a calm world: one run that may die, and what comes after it. Several segments, commits and parts. */
const SMALL: HistoryOptions = {
  ...historyOf(1),
  topics: [{ name: 'orders', partitions: 2, isCompacted: false }],
  brokers: 2,
  fetchVersion: 13,
  faults: { store: 0, broker: 0, outage: 0 },
  troubles: {
    retention: 0,
    election: 0,
    uncleanElection: 0,
    compaction: 0,
    brokerDown: 0,
    recreation: 0,
    growth: 0,
  },
  beforeFirstRun: 40,
  troubledRuns: 1,
  crash: 0,
  secondWriter: 0,
  pause: 0,
  interrupt: 0,
  checkpointIntervalMs: 30,
  segmentMaxIntervalMs: 0,
  segmentMaxBytes: 1_500,
  fetchMaxBytes: 800,
  partBytes: 600,
  isCompressing: true,
  frameMinBytes: 300,
  connectionsPerBroker: 1,
  isCapturingSettings: true,
  isReadingGroups: true,
  continuous: 0,
  maintenance: 0,
}

function expectSound(result: HistoryResult, where: string): void {
  assert.deepEqual(result.findings, [], where)
}

test('a run may die at each of its requests: before its effect, after it, or while it is under way', async (t) => {
  const whole = await runHistory({ ...SMALL, firstCrash: NEVER }, true)
  expectSound(whole, 'the run that nobody kills')
  const edges = whole.trace.filter((line) => line.includes(' run 1: ')).length
  const places = new Set<string>()
  for (let edge = 1; edge <= edges; edge++) {
    for (const moment of MOMENTS) {
      const result = await runHistory({ ...SMALL, firstCrash: { edge, moment } })
      expectSound(result, `killed ${moment} request ${edge}`)
      assert.equal(result.crashes.length, 1, `the run died at request ${edge}`)
      for (const place of result.crashes) places.add(place.replace(/simulated\S*|\d+/g, '…'))
    }
  }
  t.diagnostic(`${edges} requests, ${edges * MOMENTS.length} deaths in ${places.size} kinds of places`)
  for (const place of ['after creating', 'after completing', 'before sending part', 'after replacing']) {
    assert.ok(
      [...places].some((known) => known.startsWith(place)),
      `no death ${place}`,
    )
  }
})
