import './deterministic-builtins.ts'
import type { Finding } from './finding.ts'
import { type HistoryResult, runHistory } from './history.ts'
import { type HistoryOptions, historyOf } from './history-options.ts'
import { addOccurrences, noOccurrences, OCCURRENCES, type OccurrenceCounts } from './occurrences.ts'

/** Which seeds: `seeds` of them, from `from` on. */
export interface SeedRange {
  readonly from: number
  readonly seeds: number
}

/** A seed whose history came out wrong. */
export interface FailedSeed {
  readonly seed: number
  readonly findings: readonly Finding[]
}

/** What the histories of many seeds came to. */
export interface SeedTotals {
  seeds: number
  runs: number
  commits: number
  edges: number
  crashes: number
  faults: number
  readonly occurrences: OccurrenceCounts
  readonly failed: FailedSeed[]
}

/** Runs the history of each seed; `isEnough` may end it early, and `under` holds for all of them. */
export async function runSeeds(
  { from, seeds }: SeedRange,
  isEnough: (totals: SeedTotals) => boolean = () => false,
  under: Partial<HistoryOptions> = {},
): Promise<SeedTotals> {
  const counts = { seeds: 0, runs: 0, commits: 0, edges: 0, crashes: 0, faults: 0 }
  const totals: SeedTotals = { ...counts, occurrences: noOccurrences(), failed: [] }
  for (let seed = from; seed < from + seeds && !isEnough(totals); seed++) {
    const result = await runSeed(seed, false, under)
    totals.seeds++
    totals.runs += result.runs
    totals.commits += result.commits
    totals.edges += result.edges
    totals.crashes += result.crashes.length
    totals.faults += result.faults
    addOccurrences(totals.occurrences, result.occurrences)
    if (result.findings.length > 0) totals.failed.push({ seed, findings: result.findings })
  }
  return totals
}

/** The history of one seed. A promise that fails where nobody looks is a finding like any other. */
export async function runSeed(
  seed: number,
  wantsTrace = false,
  under: Partial<HistoryOptions> = {},
): Promise<HistoryResult> {
  const unheard: Finding[] = []
  const hear = (reason: unknown): void => {
    const detail = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)
    unheard.push({ class: 'broken', where: 'unhandled rejection', detail })
  }
  process.on('unhandledRejection', hear)
  try {
    const result = await runHistory({ ...historyOf(seed), ...under }, wantsTrace)
    return { ...result, findings: [...result.findings, ...unheard] }
  } finally {
    process.off('unhandledRejection', hear)
  }
}

/** One line for people. */
export function describeTotals({ seeds, runs, commits, edges, crashes, faults, failed }: SeedTotals): string {
  const counts = [
    `${runs} runs`,
    `${commits} commits`,
    `${edges} requests`,
    `${crashes} crashes`,
    `${faults} faults`,
  ]
  return `${seeds} seeds: ${counts.join(', ')}; ${failed.length} seeds with findings`
}

/** How often each kind happened, for people. */
export function describeOccurrences({ occurrences }: SeedTotals): string {
  return OCCURRENCES.map((kind) => `${kind}: ${occurrences[kind]}`).join(', ')
}

/** What was found, and the command that shows it again. */
export function describeFailure({ seed, findings }: FailedSeed): string {
  const lines = findings.map(({ class: kind, where, detail }) => `  ${kind}: ${where}: ${detail}`)
  return [`seed ${seed}: npm run simulate -- --from ${seed} --seeds 1 --trace`, ...lines].join('\n')
}
