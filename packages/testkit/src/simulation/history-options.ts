import { type SeededRandom, seededRandom } from '../seeded-random.ts'
import type { FaultRates } from './faults.ts'
import type { MaintenanceStep } from './maintenance-step.ts'
import type { CrashPoint } from './simulated-process.ts'
import type { Troubles } from './workload.ts'

/** What a seed stands for. */
export interface HistoryOptions {
  readonly seed: number
  readonly topics: readonly {
    readonly name: string
    readonly partitions: number
    readonly isCompacted: boolean
  }[]
  readonly brokers: number
  readonly fetchVersion: number
  readonly faults: FaultRates
  readonly troubles: Troubles
  readonly beforeFirstRun: number
  readonly troubledRuns: number
  /** Probability that a run dies at one of its requests, and about how many requests that are. */
  readonly crash: number
  readonly secondWriter: number
  readonly pause: number
  readonly interrupt: number
  readonly checkpointIntervalMs: number
  readonly segmentMaxIntervalMs: number
  readonly segmentMaxBytes: number
  readonly fetchMaxBytes: number
  readonly partBytes: number
  readonly isCompressing: boolean
  readonly frameMinBytes: number
  /** Where the first run dies; absent: by chance, as the others. */
  readonly firstCrash?: CrashPoint
  readonly connectionsPerBroker: number
  /** Whether runs read settings of topics beside the records, which moves everything else a little. */
  readonly isCapturingSettings: boolean
  /** The same for consumer groups. */
  readonly isReadingGroups: boolean
  /** Probability that a run goes on until it is stopped; when that is at the latest, and how often it looks for partitions. */
  readonly continuous: number
  readonly continuousMs: number
  readonly refreshIntervalMs: number
  /** Probability that somebody repairs, compacts or prunes the backup beside or after a run, and the grace that is asked for. */
  readonly maintenance: number
  readonly graceMs: number
  /** What is done after each run beside what is drawn, and where the first of these steps dies. */
  readonly steps?: readonly MaintenanceStep[]
  readonly stepCrash?: CrashPoint
}

const QUIET: Troubles = {
  retention: 0,
  election: 0,
  uncleanElection: 0,
  compaction: 0,
  brokerDown: 0,
  recreation: 0,
  growth: 0,
}

/** Draws a history. Troubles come one at a time and all at once: both find what the other hides. */
export function historyOf(seed: number): HistoryOptions {
  const random = seededRandom(seed)
  const isCompacted = random.chance(0.25)
  // Apart from the others: what is drawn here does not move what is drawn there.
  const own = seededRandom(seed ^ 0xc047)
  const isMaintained = own.chance(0.5)
  const isQuiet = isMaintained && own.chance(0.3)
  const names = random.chance(0.5) ? ['orders'] : ['orders', 'payments']
  return {
    seed,
    topics: names.map((name) => ({ name, partitions: 1 + random.below(3), isCompacted })),
    brokers: 1 + random.below(3),
    fetchVersion: random.pick([13, 13, 12, 11]),
    faults: {
      store: random.pick([0, 0.01, 0.05, 0.2]),
      broker: random.pick([0, 0, 0.02, 0.1]),
      outage: random.pick([0, 0, 0.01]),
    },
    troubles: troublesOf(random),
    beforeFirstRun: random.below(60),
    troubledRuns: 1 + random.below(4),
    crash: random.pick([0, 0.5, 0.9]),
    secondWriter: random.pick([0, 0, 0.7]),
    pause: random.pick([0, 0.3]),
    interrupt: random.pick([0, 0, 0.3]),
    checkpointIntervalMs: random.pick([30, 200, 2_000]),
    segmentMaxIntervalMs: random.pick([0, 100, 2_000]),
    segmentMaxBytes: random.pick([600, 4_000, 1_000_000]),
    fetchMaxBytes: random.pick([400, 3_000, 100_000]),
    partBytes: random.pick([300, 5_000, 100_000]),
    isCompressing: random.chance(0.5),
    frameMinBytes: random.pick([300, 3_000, 1_000_000]),
    connectionsPerBroker: 1 + random.below(2),
    isCapturingSettings: random.chance(0.5),
    isReadingGroups: random.chance(0.5),
    continuousMs: own.pick([1_500, 5_000, 12_000]),
    refreshIntervalMs: own.pick([500, 1_500, 4_000]),
    continuous: own.pick(isMaintained ? [0, 0.5, 1] : [0, 0, 0, 1]),
    maintenance: isMaintained ? own.pick([0.5, 1]) : 0,
    graceMs: own.pick([0, 2_000, 15_000]),
    ...(isQuiet ? manyQuietPartitions(names, isCompacted) : {}),
  }
}

/** What bundles are for: partitions that have little to say at each checkpoint. */
function manyQuietPartitions(names: readonly string[], isCompacted: boolean) {
  return {
    topics: names.map((name) => ({ name, partitions: 5, isCompacted })),
    beforeFirstRun: 10,
    continuous: 1,
    continuousMs: 8_000,
    checkpointIntervalMs: 2_000,
    segmentMaxIntervalMs: 0,
    frameMinBytes: 1_000_000,
  }
}

function troublesOf(random: SeededRandom): Troubles {
  if (random.chance(0.2)) return QUIET
  const isMixed = random.chance(0.5)
  const chosen = random.pick(Object.keys(QUIET) as (keyof Troubles)[])
  const weigh = (name: keyof Troubles): number => {
    const most = name === 'recreation' || name === 'uncleanElection' ? 2 : 5
    if (name === chosen) return most
    return isMixed && random.chance(0.4) ? 1 + random.below(most) : 0
  }
  return Object.fromEntries(
    Object.keys(QUIET).map((name) => [name, weigh(name as keyof Troubles)]),
  ) as unknown as Troubles
}
