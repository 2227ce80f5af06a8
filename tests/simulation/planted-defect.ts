import type { FindingClass } from '../../packages/testkit/src/simulation/finding.ts'
import type { HistoryOptions } from '../../packages/testkit/src/simulation/history-options.ts'

/** A defect that products have shipped: one place of the source, and what it becomes. */
export interface PlantedDefect {
  readonly name: string
  /** Below packages/core/src. */
  readonly file: string
  /** Stands once in the file. */
  readonly from: string
  readonly to: string
  /** What the checker has to call it; each of them will do. */
  readonly caughtAs: readonly FindingClass[]
  /** Where it can be met at all; absent: anywhere. */
  readonly under?: Partial<HistoryOptions>
  /** How many seeds may be needed, where the race is rare. */
  readonly seeds?: number
}
