import type { ProgramEnd } from './run-program.ts'

/** A partition whose source has another history now. `common_end_offset`: below it both are one; null: not known. */
export interface DivergenceDocument {
  readonly topic: string
  readonly partition: number
  readonly lineage: number
  readonly reason: string
  readonly begin_offset: string
  readonly common_end_offset: string | null
  readonly previous_end_offset: string
}

/** Offsets [first, end) that a run wanted and did not get, or (gaps) that are gone. */
export interface MissingDocument {
  readonly topic: string
  readonly partition: number
  readonly first_offset: string
  readonly end_offset: string
  readonly reason: string
}

/** How long a kind of step took, in milliseconds. */
export interface LatencyDocument {
  readonly p50_ms: number
  readonly p99_ms: number
  readonly max_ms: number
}

/** The report of a backup, as far as the tests read it. */
export interface BackupDocument {
  readonly outcome: string
  readonly commit: string
  readonly records: number
  readonly recovery_point: string | null
  readonly checkpoints: LatencyDocument & {
    readonly count: number
    readonly upload: LatencyDocument
    readonly commit: LatencyDocument
    readonly histogram: readonly { readonly le_ms: number; readonly count: number }[]
  }
  readonly gaps: readonly MissingDocument[]
  readonly divergences: readonly DivergenceDocument[]
  readonly unread: readonly (MissingDocument & { readonly detail: string })[]
}

/** The report that a backup printed. */
export function backupDocumentOf(end: ProgramEnd): BackupDocument {
  return end.json<BackupDocument>()
}

/** `topic/partition: reason, common below, begins at`, sorted: one line for each divergence. */
export function divergenceLines({ divergences }: Pick<BackupDocument, 'divergences'>): string[] {
  return divergences
    .map(
      (entry) =>
        `${entry.topic}/${entry.partition}: ${entry.reason}, lineage ${entry.lineage}, common below ${entry.common_end_offset}, ` +
        `begins at ${entry.begin_offset}, held ${entry.previous_end_offset}`,
    )
    .sort()
}

/** `topic/partition: first-end reason`, sorted: one line for each entry. */
export function missingLines(entries: readonly MissingDocument[]): string[] {
  return entries
    .map(
      (entry) =>
        `${entry.topic}/${entry.partition}: ${entry.first_offset}-${entry.end_offset} ${entry.reason}`,
    )
    .sort()
}
