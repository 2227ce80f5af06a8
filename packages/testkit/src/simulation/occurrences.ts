/** What some of many histories have to contain: a bench in which one of these never happens shows nothing of it. */
export const OCCURRENCES = [
  'continuous run',
  'continuous run that crashed',
  'partition that joined',
  'bundle',
  'recovery point',
  'repair',
  'repair that crashed',
  'orphan removed',
  'compact',
  'compact that crashed',
  'compaction into segments',
  'compaction into larger bundles',
  'prune',
  'prune that crashed',
  'prune of documents',
  'prune of records',
  'freed object deleted',
] as const

export type Occurrence = (typeof OCCURRENCES)[number]

/** How often each happened. */
export type OccurrenceCounts = Record<Occurrence, number>

export function noOccurrences(): OccurrenceCounts {
  return Object.fromEntries(OCCURRENCES.map((kind) => [kind, 0])) as OccurrenceCounts
}

/** Adds `more` to `counts`. */
export function addOccurrences(counts: OccurrenceCounts, more: OccurrenceCounts): void {
  for (const kind of OCCURRENCES) counts[kind] += more[kind]
}
