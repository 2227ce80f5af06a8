import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type HistoryResult, runHistory } from '../../packages/testkit/src/simulation/history.ts'
import { type HistoryOptions, historyOf } from '../../packages/testkit/src/simulation/history-options.ts'
import { type MaintenanceStep, SWEEP } from '../../packages/testkit/src/simulation/maintenance-step.ts'
import type { Occurrence } from '../../packages/testkit/src/simulation/occurrences.ts'
import type { CrashMoment, CrashPoint } from '../../packages/testkit/src/simulation/simulated-process.ts'

const MOMENTS: readonly CrashMoment[] = ['before', 'after', 'late']
/** Of the run before a repair: it has written segments, and no commit names them. */
const LEAVES_ORPHANS: CrashPoint = { edge: 41, moment: 'after' }
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

/** The same, with bundles in it and a partition that joins. */
const CONTINUOUS: HistoryOptions = {
  ...SMALL,
  troubles: { ...SMALL.troubles, growth: 30 },
  beforeFirstRun: 10,
  checkpointIntervalMs: 200,
  frameMinBytes: 1_000_000,
  continuous: 1,
  continuousMs: 1_500,
  refreshIntervalMs: 300,
}

/** Somebody prunes or repairs after the run; what a commit frees is deleted at once. */
const KEPT_IN_ORDER = { ...SMALL, beforeFirstRun: 16, graceMs: 0 }
const COMPACT: MaintenanceStep = {
  ...{ verb: 'compact', segmentMaxBytes: 1_000_000, isUnbundling: true, olderThanMs: null },
}
const PRUNE: MaintenanceStep = { ...SWEEP, maxBytes: 0 }
const REPAIR: MaintenanceStep = { verb: 'repair', isRemovingOrphans: true }

function expectSound(result: HistoryResult, where: string): void {
  assert.deepEqual(result.findings, [], where)
}

/** Who dies, how its history is told to let it die, and places at which it has to. */
interface Deaths {
  readonly name: string
  readonly at: (crash: CrashPoint) => HistoryOptions
  readonly has: readonly Occurrence[]
  readonly places: readonly string[]
}

/** Lets a process die at each of its requests, one history for each death. */
async function dieEverywhere(t: TestContext, { name, at, has, places }: Deaths): Promise<void> {
  const whole = await runHistory(at(NEVER), true)
  expectSound(whole, `${name} that nobody kills`)
  for (const kind of has)
    assert.ok(whole.occurrences[kind] > 0, `no ${kind} in the history that nobody cuts short`)
  let deaths = 0
  const edges = whole.trace.filter((line) => line.includes(` ${name}: `)).length
  const seen = new Set<string>()
  for (let edge = 1; edge <= edges; edge++) {
    for (const moment of MOMENTS) {
      const result = await runHistory(at({ edge, moment }), true)
      expectSound(result, `killed ${moment} request ${edge}`)
      const death = result.trace.find((line) => line.includes(` ${name} crashed `))
      // Who is stopped does not wait for requests that it has given up, and may have ended before it could die of one.
      const hasEnded = result.trace.some((line) => line.includes(` ${name} ended `))
      assert.ok(death ?? hasEnded, `it died at request ${edge}`)
      if (!death) continue
      deaths++
      seen.add(death.replace(/^.* crashed /, '').replace(/simulated\S*|\d+/g, '…'))
    }
  }
  t.diagnostic(`${edges} requests, ${deaths} deaths in ${seen.size} kinds of places`)
  assert.ok(deaths > 0.9 * edges * MOMENTS.length, 'too few of them died')
  for (const place of places)
    assert.ok(
      [...seen].some((known) => known.startsWith(place)),
      `no death ${place}`,
    )
}

describe('a process may die at each of its requests: before its effect, after it, or while it is under way', () => {
  test('a run', (t) =>
    dieEverywhere(t, {
      name: 'run 1',
      at: (firstCrash) => ({ ...SMALL, firstCrash }),
      has: [],
      places: ['after creating', 'after completing', 'before sending part', 'after replacing'],
    }))

  test('a continuous run', (t) =>
    dieEverywhere(t, {
      name: 'run 1',
      at: (firstCrash) => ({ ...CONTINUOUS, firstCrash }),
      has: ['bundle', 'partition that joined', 'recovery point'],
      places: ['after creating', 'before surveying', 'after replacing'],
    }))

  test('a compaction', (t) =>
    dieEverywhere(t, {
      name: 'compact 1',
      at: (stepCrash) => ({ ...CONTINUOUS, graceMs: 0, steps: [COMPACT, COMPACT], stepCrash }),
      has: ['compaction into segments', 'freed object deleted'],
      places: ['after creating', 'after deleting', 'before replacing'],
    }))

  test('a prune', (t) =>
    dieEverywhere(t, {
      name: 'prune 1',
      at: (stepCrash) => ({ ...KEPT_IN_ORDER, steps: [PRUNE, PRUNE], stepCrash }),
      has: ['prune of records', 'freed object deleted'],
      places: ['after creating', 'after deleting', 'before replacing'],
    }))

  test('a repair', (t) =>
    dieEverywhere(t, {
      name: 'repair 1',
      at: (stepCrash) => ({
        ...KEPT_IN_ORDER,
        firstCrash: LEAVES_ORPHANS,
        steps: [REPAIR, REPAIR],
        stepCrash,
      }),
      has: ['orphan removed'],
      places: ['after creating', 'after deleting', 'before replacing'],
    }))
})
