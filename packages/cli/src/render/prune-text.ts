import type { PruneReport, SweepReport } from '@kafka-backup/core'
import {
  documentsText,
  pinLines,
  pinnedDocument,
  planDocument,
  waitingDocument,
  waitingLines,
} from './prune-plan-text.ts'
import { formatBytes, plural } from './units.ts'

const REFUSALS_SHOWN = 5

/** What a prune did. */
export function pruneText(report: PruneReport, graceMs: number): string {
  const { plan, commit, deleted, refused, waiting, pinned, pins } = report
  const bytes = deleted.reduce((sum, { bytes: own }) => sum + own, 0)
  const word = (refused.length > 0 ? 'Failed' : 'Complete').padEnd(12)
  const records = `${plural(plan.segments, 'segment')}, ${plural(plan.records, 'record')}, ${formatBytes(plan.storedBytes)}`
  const gone = [
    ...(plan.segments > 0 ? [records] : []),
    ...(plan.documents.length > 0 ? [documentsText(plan)] : []),
  ].join(' and ')
  const taken = commit === null ? 'nothing was taken out' : `${gone} taken out with commit ${commit}`
  return [
    `${word}${taken} · ${plural(deleted.length, 'object')} (${formatBytes(bytes)}) deleted`,
    ...waitingLines(waiting, graceMs),
    ...pinLines(pinned, pins),
    ...refusalLines(report),
    ...versionLines(report),
  ].join('\n')
}

/** Deleting frees no space in a store that keeps versions. */
export function versionLines({
  deleted,
  hasVersions,
}: Pick<SweepReport, 'deleted' | 'hasVersions'>): string[] {
  if (deleted.length === 0 || !hasVersions) return []
  return [
    '  the store keeps deleted objects as versions: they take space until a rule of the bucket removes them',
  ]
}

/** What the store would not delete. */
export function refusalLines({ refused }: Pick<SweepReport, 'refused'>): string[] {
  if (refused.length === 0) return []
  const shown = refused.slice(0, REFUSALS_SHOWN).map(({ error }) => `    ${error.message}`)
  const more = refused.length - shown.length
  return [
    `  ${plural(refused.length, 'object')} could not be deleted; a later prune tries again · KB_STORAGE_PERMISSION`,
    ...shown,
    ...(more > 0 ? [`    and ${more} more`] : []),
  ]
}

/** The same for programs. */
export function pruneDocument(report: PruneReport, graceMs: number) {
  const { plan, commit } = report
  return {
    kind: 'prune_report',
    version: 1,
    backup_id: plan.backupId,
    commit,
    ...planDocument(plan),
    ...sweepDocument(report, graceMs),
  }
}

/** What became of what commits have freed, for programs. */
export function sweepDocument(report: SweepReport, graceMs: number) {
  const { deleted, refused, waiting, pinned, pins, hasVersions } = report
  return {
    grace_ms: graceMs,
    deleted: { objects: deleted.length, bytes: deleted.reduce((sum, { bytes }) => sum + bytes, 0) },
    waiting: waitingDocument(waiting, graceMs),
    pinned: pinnedDocument(pinned),
    damaged_ledgers: pins.damaged,
    refused: refused.map(({ object, error }) => ({
      key: object.key,
      code: error.code,
      message: error.message,
    })),
    keeps_versions: hasVersions,
  }
}
