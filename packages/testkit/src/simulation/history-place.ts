import type { SeededRandom } from '../seeded-random.ts'
import type { FaultPlan } from './faults.ts'
import type { FindingClass } from './finding.ts'
import type { HistoryOptions } from './history-options.ts'
import type { Occurrence } from './occurrences.ts'
import type { PrunePromise } from './prune-promise.ts'
import type { SimulatedBucket } from './simulated-bucket.ts'
import type { CrashPoint, SimulatedProcess } from './simulated-process.ts'
import type { SimulatedTopics } from './simulated-topics.ts'
import type { SimulatedWorld } from './world.ts'

/** Where the runs of a history work, and who hears of them. */
export interface HistoryPlace {
  readonly options: HistoryOptions
  readonly world: SimulatedWorld
  readonly bucket: SimulatedBucket
  readonly topics: SimulatedTopics
  readonly faults: FaultPlan
  /** By the name of the process, which is the program of its commits. */
  readonly prunes: Map<string, PrunePromise>
  readonly newProcess: (name: string, random: SeededRandom, crashPoint: CrashPoint | null) => SimulatedProcess
  /** By the clock of the store, in milliseconds since 1970. */
  readonly nowMs: () => number
  readonly note: (what: string) => void
  readonly find: (kind: FindingClass, where: string, detail: string) => void
  readonly count: (kind: Occurrence) => void
}
