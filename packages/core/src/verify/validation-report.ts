import type { DivergenceRecord, GapRecord } from '../format/commit.ts'
import type { Finding } from './finding.ts'

/** `incomplete`: intact, but offsets are missing by declaration, or the last run did not get to its end. */
export type ValidationVerdict = 'complete' | 'incomplete' | 'damaged'

/** What a validation found. Sizes in bytes, durations in milliseconds. */
export interface ValidationReport {
  readonly backupId: string
  readonly location: string
  readonly isDeep: boolean
  readonly verdict: ValidationVerdict
  /** Commits that could be read. */
  readonly commits: number
  /** Segments that these commits name. */
  readonly segments: number
  /** Length of these segments. */
  readonly storedBytes: number
  /** Bytes of them that were read and compared with a digest or with what follows from one. */
  readonly checkedBytes: number
  readonly partitions: number
  /** Records of committed data in these segments. */
  readonly records: number
  readonly gaps: readonly GapRecord[]
  /** Partitions with more than one history: all of them are kept. */
  readonly divergences: readonly DivergenceRecord[]
  /** Objects that were pruned and are not deleted yet. */
  readonly pruned: { readonly objects: number; readonly bytes: number }
  /** Objects that no commit names, unless one did that is damaged or lost. */
  readonly orphans: { readonly objects: number; readonly bytes: number; readonly mayBeOfLostCommits: boolean }
  readonly findings: readonly Finding[]
  readonly durationMs: number
}

/** How far a validation is. */
export interface ValidationProgress {
  readonly doneSegments: number
  readonly segments: number
  readonly checkedBytes: number
}
