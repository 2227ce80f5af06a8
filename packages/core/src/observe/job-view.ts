import type { RunSummary } from '../format/backup-state.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { JobRow, OffsetRow, OffsetState } from './offset-state.ts'

/**
 * Whether a run is there. `gone`: it did not say that it ended, and has no heartbeat any more; `ended`: it said how. `paused` is a
 * run that is alive and waits for its store.
 */
export type Liveness = 'running' | 'paused' | 'gone' | 'ended'

/** What is known of the newest run, from its offset state. */
export interface JobView {
  readonly job: JobRow
  readonly offsets: readonly OffsetRow[]
  /** Where it was read: on this machine, or the copy in the repository. */
  readonly from: 'local' | 'copy'
  readonly liveness: Liveness
  /** Since the run last wrote what is shown; 0 also when its clock is ahead of ours. */
  readonly ageMs: number
}

/** What there is to judge by; `lastRun` is that of the commits. */
export interface JobEvidence {
  readonly local: OffsetState | null
  readonly copy: OffsetState | null
  readonly lastRun: RunSummary | null
  readonly nowMs: number
}

/** The newest run, or null when the commits know of a newer one, or nobody of any. Pure. */
export function viewJob({ local, copy, lastRun, nowMs }: JobEvidence): JobView | null {
  const isCopyNewer = copy && (!local || copy.job.lastHeartbeatMs > local.job.lastHeartbeatMs)
  const from = isCopyNewer ? 'copy' : 'local'
  const state = isCopyNewer ? copy : local
  if (!state || (lastRun && isOutrun(state.job, lastRun))) return null
  const { job, offsets } = state
  const ageMs = Math.max(nowMs - job.lastHeartbeatMs, 0)
  return { job, offsets, from, liveness: livenessOf(job, from, ageMs), ageMs }
}

/** A run of another machine, or one whose state was lost, has made commits since. */
function isOutrun(job: JobRow, lastRun: RunSummary): boolean {
  return lastRun.id !== job.runId && lastRun.endedAtMs > BigInt(job.lastHeartbeatMs)
}

function livenessOf(job: JobRow, from: JobView['from'], ageMs: number): Liveness {
  if (job.outcome !== 'running') return 'ended'
  const pace = from === 'copy' ? job.syncIntervalMs : 0
  const intervalMs = Math.max(job.heartbeatIntervalMs, pace, LIMITS.heartbeatIntervalMs)
  if (ageMs > intervalMs * LIMITS.heartbeatsMissedMax) return 'gone'
  return job.status === 'paused' ? 'paused' : 'running'
}
