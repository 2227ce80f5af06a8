import type { CompactReport } from '@kafka-backup/core'
import { planFigures } from './compact-plan-text.ts'
import { pinLines, waitingLines } from './prune-plan-text.ts'
import { refusalLines, sweepDocument, versionLines } from './prune-text.ts'
import { formatBytes, formatCount, plural } from './units.ts'

/** What a compaction did. */
export function compactText(report: CompactReport, graceMs: number): string {
  const { deleted, refused, waiting, pinned, pins, damaged } = report
  const bytes = deleted.reduce((sum, { bytes: own }) => sum + own, 0)
  const word = (refused.length > 0 || damaged.length > 0 ? 'Failed' : 'Complete').padEnd(12)
  return [
    `${word}${doneText(report)} · ${plural(deleted.length, 'object')} (${formatBytes(bytes)}) deleted`,
    ...damaged.map(
      ({ objects, error }) =>
        `  ${plural(objects, 'object')} stay as they are: ${error.message} · ${error.code}`,
    ),
    ...waitingLines(waiting, graceMs),
    ...pinLines(pinned, pins),
    ...refusalLines(report),
    ...versionLines(report),
  ].join('\n')
}

function doneText({ commits, objectsIn, objectsOut, bytesIn, bytesOut }: CompactReport): string {
  if (commits.length === 0) return 'nothing was compacted'
  const which = commits.length === 1 ? `commit ${commits[0]}` : `commits ${commits[0]} to ${commits.at(-1)}`
  return `${plural(objectsIn, 'object')} (${formatBytes(bytesIn)}) became ${formatCount(objectsOut)} (${formatBytes(bytesOut)}) with ${which}`
}

/** The same for programs. */
export function compactDocument(report: CompactReport, graceMs: number) {
  const { plan, commits, objectsIn, objectsOut, bytesIn, bytesOut, damaged } = report
  return {
    kind: 'compact_report',
    version: 1,
    backup_id: plan.backupId,
    commits,
    ...planFigures(plan),
    objects_in: objectsIn,
    objects_out: objectsOut,
    bytes_in: bytesIn,
    bytes_out: bytesOut,
    damaged: damaged.map(({ objects, error }) => ({ objects, code: error.code, message: error.message })),
    ...sweepDocument(report, graceMs),
  }
}
