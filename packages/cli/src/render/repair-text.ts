import type { LostCommit, PreparedRepair, RepairReport } from '@kafka-backup/core'
import { historyLabel } from './history-text.ts'
import { formatBytes, formatDuration, plural } from './units.ts'
import { affectedDocument } from './validation-text.ts'

type Plan = PreparedRepair['plan']

const SHOWN_MAX = 50
const MANIFEST_WORDS = {
  missing: 'is not there',
  damaged: 'is not what the commits say',
  behind: 'is older than the last commit',
} as const

/** What `--dry-run` prints. */
export function repairPlanText(plan: Plan, nowMs: number): string {
  return [
    `Repair of ${plan.backupId}: ${plan.commit === null ? 'no commit can be opened' : `commit ${plan.commit}`}`,
    ...lostLines(plan),
    ...plan.snapshots.map(({ number, isDamaged }) => {
      return `  snapshot ${number} ${isDamaged ? 'is damaged: it is removed and' : 'is missing: it is'} written from the commits`
    }),
    ...(plan.manifest
      ? [`  manifest.json ${MANIFEST_WORDS[plan.manifest]}: it is rendered from the commits`]
      : []),
    ...(plan.snapshots.length === 0 && plan.manifest === null ? ['  nothing is to be rebuilt'] : []),
    ...orphanLines(plan, nowMs),
  ].join('\n')
}

/** What was done. */
export function repairText(report: RepairReport, nowMs: number): string {
  const { plan, snapshots, hasManifest, removed, young, refused } = report
  const word = plan.lost.length > 0 ? 'Damaged' : refused.length > 0 ? 'Failed' : 'Complete'
  const done = [
    ...(snapshots.length > 0 ? [`${plural(snapshots.length, 'snapshot')} written`] : []),
    ...(hasManifest ? ['manifest rendered'] : []),
    ...(report.commit === null
      ? []
      : [`${plural(removed.length, 'orphan')} removed (declared with commit ${report.commit})`]),
  ]
  const gone = new Set(removed.map(({ key }) => key))
  const left = plan.orphans.filter(({ key }) => !gone.has(key))
  return [
    `${word.padEnd(12)}${done.length > 0 ? done.join(' · ') : 'nothing was to be rebuilt'}`,
    ...lostLines(plan),
    ...orphanLines({ ...plan, orphans: left }, nowMs),
    ...(young.length > 0 ? [`  ${plural(young.length, 'orphan')} younger than the grace stayed`] : []),
    ...refused.slice(0, SHOWN_MAX).map(({ error }) => `  refused: ${error.message} · ${error.code}`),
  ].join('\n')
}

/** What is lost, what it concerns, and what is left. */
function lostLines({ lost, isBridged, commit }: Plan): string[] {
  return lost.flatMap(({ finding, restorableCommit, goneSegments }) => {
    const where = finding.partitions.map((entry) => {
      const { firstOffset, lastOffset } = entry
      const to = lastOffset === undefined ? 'on' : `to ${lastOffset}`
      return `    ${historyLabel(entry)}${firstOffset === undefined ? '' : ` offsets from ${firstOffset} ${to}`}`
    })
    return [
      `  damage  ${finding.key}`,
      `    ${finding.message} · ${finding.code}`,
      ...where.slice(0, SHOWN_MAX),
      ...(where.length > SHOWN_MAX ? [`    … and ${where.length - SHOWN_MAX} partitions more`] : []),
      `    ${leftText(restorableCommit, isBridged ? commit : null)}${goneSegments > 0 ? `, but for ${plural(goneSegments, 'segment')} that are not there any more` : ''}`,
    ]
  })
}

function leftText(restorableCommit: bigint | null, bridgedTo: bigint | null): string {
  const earlier =
    restorableCommit === null
      ? 'no earlier state'
      : `the state of commit ${restorableCommit} (--as-of-commit ${restorableCommit})`
  if (bridgedTo === null) return `can be restored: ${earlier}`
  return `can be restored: everything as of commit ${bridgedTo}, since a snapshot holds what it said; and ${earlier}`
}

function orphanLines(
  { orphans, canRemoveOrphans }: Pick<Plan, 'orphans' | 'canRemoveOrphans'>,
  nowMs: number,
): string[] {
  if (orphans.length === 0) return []
  const bytes = orphans.reduce((sum, entry) => sum + entry.bytes, 0)
  return [
    `  ${plural(orphans.length, 'object')} (${formatBytes(bytes)}) that no commit names${canRemoveOrphans ? ': --remove-orphans removes those older than the grace' : '; a commit is damaged and may have named them: they stay'}`,
    ...orphans.slice(0, SHOWN_MAX).map(({ key, bytes: own, modifiedMs }) => {
      return `    ${key}  ${formatBytes(own)}, ${formatDuration(Math.max(0, nowMs - modifiedMs))} old`
    }),
    ...(orphans.length > SHOWN_MAX
      ? [`    … and ${orphans.length - SHOWN_MAX} more; --output-format json has all`]
      : []),
  ]
}

/** The plan for programs. */
export function repairPlanDocument(plan: Plan, nowMs: number) {
  return {
    kind: 'repair_plan',
    version: 1,
    location: plan.location,
    backup_id: plan.backupId,
    ...contentDocument(plan, nowMs),
  }
}

/** The report for programs. */
export function repairDocument(report: RepairReport, nowMs: number) {
  return {
    kind: 'repair_report',
    version: 1,
    location: report.plan.location,
    backup_id: report.plan.backupId,
    ...contentDocument(report.plan, nowMs),
    written_snapshots: report.snapshots,
    manifest_rendered: report.hasManifest,
    removal_commit: report.commit,
    removed: report.removed.map(({ key, bytes }) => ({ key, bytes })),
    young_orphans: report.young.length,
    refused: report.refused.map(({ key, error }) => ({ key, code: error.code, message: error.message })),
  }
}

function contentDocument(plan: Plan, nowMs: number) {
  return {
    commit: plan.commit,
    bridged_by_snapshot: plan.isBridged,
    lost_commits: plan.lost.map(lostDocument),
    snapshots: plan.snapshots.map(({ number, isDamaged }) => ({ number, damaged: isDamaged })),
    manifest: plan.manifest,
    can_remove_orphans: plan.canRemoveOrphans,
    orphans: plan.orphans.map(({ key, bytes, modifiedMs }) => {
      return { key, bytes, age_ms: Math.max(0, Math.round(nowMs - modifiedMs)) }
    }),
  }
}

function lostDocument({ finding, restorableCommit, goneSegments }: LostCommit) {
  return {
    key: finding.key,
    code: finding.code,
    message: finding.message,
    restorable_commit: restorableCommit,
    gone_segments: goneSegments,
    partitions: finding.partitions.map(affectedDocument),
  }
}
