import type { LedgerState, PreparedRestore, RestoreSettings } from '@kafka-backup/core'
import { formatBytes, formatTime, plural } from './units.ts'

type Pace = RestoreSettings['pace']

/** Where nothing limits it and nothing was measured; a plan cannot know how fast a cluster is. */
const ASSUMED_BYTES_PER_SEC = 100_000_000
/** Of less, the time goes to everything but writing. */
const MEASURED_BYTES_MIN = 1_000_000
const BYTES_SETTING = 'restore.rate_limit_bytes_per_sec'
const RECORDS_SETTING = 'restore.rate_limit_records_per_sec'

/** How long what is left may take. */
export interface RestoreEstimate {
  readonly durationMs: number
  /** Completes "about 3 min …". */
  readonly basis: string
  /** `limit`, `assumption`, or the id of the restore that was as fast. */
  readonly restsOn: string
}

interface Rate {
  readonly bytesPerSec: number
  readonly basis: string
  readonly restsOn: string
}

/** By the slowest of: limits that were set, and the newest restore into this cluster that says how fast it was, or else an assumption. */
export function estimateRestore(
  { plan, target }: PreparedRestore,
  { recordsPerSec, bytesPerSec }: Pace,
  earlier: readonly LedgerState[],
  leftRecords: number,
): RestoreEstimate {
  const leftBytes = plan.records === 0 ? 0 : plan.rawBytes * (leftRecords / plan.records)
  const limit = bytesPerSec === undefined ? undefined : limitRate(bytesPerSec)
  const measured = measuredRate(earlier, target.clusterId)
  const known = [limit, measured].filter((rate) => rate !== undefined)
  const rate = known.reduce(
    (least, own) => (own.bytesPerSec < least.bytesPerSec ? own : least),
    known[0] ?? ASSUMED,
  )
  const byBytesMs = (leftBytes / rate.bytesPerSec) * 1000
  const byRecordsMs = recordsPerSec === undefined ? 0 : (leftRecords / recordsPerSec) * 1000
  const extraMs = target.offsets?.estimatedMs ?? 0
  if (recordsPerSec !== undefined && byRecordsMs > byBytesMs) {
    const basis = `at the limit of ${plural(recordsPerSec, 'record')} a second (${RECORDS_SETTING})`
    return { durationMs: byRecordsMs + extraMs, basis, restsOn: 'limit' }
  }
  return { durationMs: byBytesMs + extraMs, basis: rate.basis, restsOn: rate.restsOn }
}

const ASSUMED: Rate = {
  bytesPerSec: ASSUMED_BYTES_PER_SEC,
  basis: `if the cluster takes ${formatBytes(ASSUMED_BYTES_PER_SEC)}/s, which is assumed and was not measured`,
  restsOn: 'assumption',
}

function limitRate(bytesPerSec: number): Rate {
  const basis = `at the limit of ${formatBytes(bytesPerSec)}/s (${BYTES_SETTING})`
  return { bytesPerSec, basis, restsOn: 'limit' }
}

function measuredRate(earlier: readonly LedgerState[], clusterId: string): Rate | undefined {
  const measured = earlier.findLast(
    ({ opened, finished }) =>
      opened.clusterId === clusterId && (finished?.pace?.writtenBytes ?? 0) >= MEASURED_BYTES_MIN,
  )
  const pace = measured?.finished?.pace
  if (!measured || !pace) return
  const bytesPerSec = (pace.writtenBytes / pace.durationMs) * 1000
  const when = formatTime(measured.finishedAtMs ?? measured.openedAtMs)
  const basis = `at ${formatBytes(bytesPerSec)}/s, as restore ${measured.restoreId} of ${when} did`
  return { bytesPerSec, basis, restsOn: measured.restoreId }
}
