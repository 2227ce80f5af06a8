import type { CompactPlan, PreparedCompact } from '@kafka-backup/core'
import { type PlanPlace, pinLines, pinnedDocument, waitingDocument, waitingLines } from './prune-plan-text.ts'
import { formatBytes, formatCount, formatDuration, plural } from './units.ts'

/** What `--dry-run` prints, and a run before it begins. */
export function compactPlanText(prepared: PreparedCompact, { nowMs }: PlanPlace): string {
  const { plan, freed, pins, request } = prepared
  const due = freed.due.reduce((sum, { bytes }) => sum + bytes, 0)
  return [
    `Compaction of ${plan.backupId} (commit ${plan.commit}): ${workText(plan)}`,
    ...(plan.units.length > 0 ? workLines(plan, request.graceMs) : []),
    `Taken out earlier: ${plural(freed.due.length, 'object')} (${formatBytes(due)}) to delete now`,
    ...waitingLines(freed.waiting, request.graceMs, nowMs),
    ...pinLines(freed.pinned, pins),
  ].join('\n')
}

function workText({ units, objectsIn, objectsOut, heldObjects }: CompactPlan): string {
  if (units.length === 0) return `nothing to do, ${plural(heldObjects, 'object')} stay as they are`
  return `${plural(objectsIn, 'object')} of ${formatCount(heldObjects)} become about ${formatCount(objectsOut)}`
}

function workLines(
  { bundlesIn, bytes, records, partitions, requests }: CompactPlan,
  graceMs: number,
): string[] {
  return [
    `  ${plural(bundlesIn, 'bundle')} among them, ${plural(partitions, 'partition')}, ${plural(records, 'record')}, ${formatBytes(bytes)} to read, to write and to read again`,
    `  about ${plural(requests.reads, 'read')} and ${plural(requests.writes, 'write')} of the store`,
    graceMs === 0
      ? '  what is replaced is deleted at once (--grace 0)'
      : `  what is replaced is deleted by the first compact or prune after ${formatDuration(graceMs)} of grace`,
  ]
}

/** The plan for programs. */
export function compactPlanDocument(
  { plan, freed, pins, request }: PreparedCompact,
  { location }: Pick<PlanPlace, 'location'>,
) {
  return {
    kind: 'compact_plan',
    version: 1,
    location,
    backup_id: plan.backupId,
    commit: plan.commit,
    ...planFigures(plan),
    grace_ms: request.graceMs,
    deletable: { objects: freed.due.length, bytes: freed.due.reduce((sum, { bytes }) => sum + bytes, 0) },
    waiting: waitingDocument(freed.waiting, request.graceMs),
    pinned: pinnedDocument(freed.pinned),
    damaged_ledgers: pins.damaged,
  }
}

/** What a plan intends; what it makes is an estimate. */
export function planFigures(plan: CompactPlan) {
  return {
    planned: {
      objects_in: plan.objectsIn,
      bundles_in: plan.bundlesIn,
      objects_out: plan.objectsOut,
      bytes: plan.bytes,
      records: plan.records,
      partitions: plan.partitions,
      reads: plan.requests.reads,
      writes: plan.requests.writes,
    },
    held_objects: plan.heldObjects,
  }
}
