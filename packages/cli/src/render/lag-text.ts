import type { RunLag } from '@kafka-backup/core'
import { formatDuration, formatTime, plural } from './units.ts'

/** How far a continuous run is behind, in a few words. */
export function lagText(lag: RunLag): string {
  const { offsets, most, recoveryAgeMs } = lag
  const worst = most && most.offsets < offsets ? `, ${most.topic}/${most.partition} by ${most.offsets}` : ''
  // Of a leader that does not answer, this is what it said last: the recovery point tells that.
  const behind = `${plural(offsets, 'offset')} behind${worst}`
  const age =
    recoveryAgeMs === null ? 'no recovery point yet' : `recovery point ${ageText(recoveryAgeMs)} old`
  return `${behind}   ${age}`
}

/** The same for programs. */
export function lagDocument(lag: RunLag) {
  return {
    offsets: lag.offsets,
    most: lag.most,
    recovery_point: lag.recoveryPointMs === null ? null : formatTime(lag.recoveryPointMs),
    recovery_age_secs: lag.recoveryAgeMs === null ? null : lag.recoveryAgeMs / 1_000,
  }
}

function ageText(ageMs: number): string {
  return formatDuration(Math.round(ageMs / 1_000) * 1_000)
}
