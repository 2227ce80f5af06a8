import type { AffectedPartition, Finding, ValidationReport } from '@kafka-backup/core'
import { gapDocument } from './backup-text.ts'
import { divergenceDocument, divergenceText, historyLabel } from './history-text.ts'
import { formatBytes, formatCount, formatDuration, plural } from './units.ts'

// A broken disk can damage thousands of objects; the JSON document has them all.
const FINDINGS_SHOWN_MAX = 50

/** What was checked, the verdict, and each finding with what it means. */
export function validationText(report: ValidationReport): string {
  const depth = report.isDeep ? 'every byte' : 'structure only; --deep reads every byte'
  const damaged = report.findings.filter((finding) => finding.severity === 'damage')
  const foreign = report.findings.filter((finding) => finding.severity === 'foreign')
  const lines = [
    `Checked ${plural(report.commits, 'commit')}, ${plural(report.segments, 'segment')}, ${formatBytes(report.storedBytes)} in ${formatDuration(report.durationMs)} (${depth})`,
    verdictLine(report, damaged.length, foreign.length),
    ...report.findings.slice(0, FINDINGS_SHOWN_MAX).map(findingText),
  ]
  if (report.findings.length > FINDINGS_SHOWN_MAX) {
    lines.push(
      `  … and ${formatCount(report.findings.length - FINDINGS_SHOWN_MAX)} more; --output-format json has all`,
    )
  }
  for (const gap of report.gaps) {
    lines.push(
      `  declared gap: ${historyLabel(gap)} offsets ${gap.firstOffset}-${gap.endOffset - 1n} (${gap.reason})`,
    )
  }
  for (const divergence of report.divergences) {
    lines.push(`  declared history: ${divergenceText(divergence)}; those before it were checked too`)
  }
  if (report.pruned.objects > 0) {
    lines.push(
      `  ${plural(report.pruned.objects, 'object')} (${formatBytes(report.pruned.bytes)}) ${report.pruned.objects === 1 ? 'was' : 'were'} taken out: the next prune or compact deletes what its grace no longer keeps`,
    )
  }
  if (report.orphans.objects > 0) lines.push(orphansLine(report.orphans))
  return lines.join('\n')
}

/** What a lost commit named is all that is left of it. */
function orphansLine({ objects, bytes, mayBeOfLostCommits }: ValidationReport['orphans']): string {
  const what = `  ${plural(objects, 'object')}`
  return mayBeOfLostCommits
    ? `${what} that no commit names which can be read (${formatBytes(bytes)}): perhaps what the lost ones named; keep ${objects === 1 ? 'it' : 'them'}`
    : `${what} of a run that was killed before its commit (${formatBytes(bytes)}): harmless`
}

function verdictLine(report: ValidationReport, damaged: number, foreign: number): string {
  const word = { complete: 'Complete', incomplete: 'Incomplete', damaged: 'Damaged' }[report.verdict]
  const records = `${plural(report.records, 'record')} in ${plural(report.partitions, 'partition')}`
  if (report.verdict === 'damaged') {
    const what = [
      damaged > 0 ? plural(damaged, 'damaged object') : '',
      foreign > 0 ? plural(foreign, 'foreign object') : '',
    ]
    return `${word.padEnd(12)}${what.filter((part) => part !== '').join(', ')} · ${records}`
  }
  const more = report.gaps.length > 0 ? plural(report.gaps.length, 'declared gap') : 'nothing damaged'
  return `${word.padEnd(12)}${records} · ${more}`
}

function findingText(finding: Finding): string {
  const where = finding.partitions.map((entry) => {
    const range = entry.firstOffset === undefined ? '' : ` offsets ${entry.firstOffset}-${entry.lastOffset}`
    const records = entry.records === undefined ? '' : ` (${plural(entry.records, 'record')})`
    return `${historyLabel(entry)}${range}${records}`
  })
  const partitions = where.length > 0 ? `\n    ${where.join('\n    ')}` : ''
  return `  ${finding.severity}  ${finding.key}\n    ${finding.message} · ${finding.code}${partitions}`
}

/** The report for programs. */
export function validationDocument(report: ValidationReport) {
  return {
    kind: 'validation_report',
    version: 1,
    backup_id: report.backupId,
    location: report.location,
    deep: report.isDeep,
    verdict: report.verdict,
    commits: report.commits,
    segments: report.segments,
    stored_bytes: report.storedBytes,
    checked_bytes: report.checkedBytes,
    partitions: report.partitions,
    records: report.records,
    duration_ms: Math.round(report.durationMs),
    gaps: report.gaps.map(gapDocument),
    divergences: report.divergences.map(divergenceDocument),
    pruned: report.pruned,
    orphans: { objects: report.orphans.objects, bytes: report.orphans.bytes },
    findings: report.findings.map((finding) => ({
      severity: finding.severity,
      code: finding.code,
      key: finding.key,
      message: finding.message,
      partitions: finding.partitions.map((entry) => ({ ...affectedDocument(entry), records: entry.records })),
    })),
  }
}

/** Offsets that damage concerns, for programs. */
export function affectedDocument({ topic, partition, lineage, firstOffset, lastOffset }: AffectedPartition) {
  return { topic, partition, lineage: lineage ?? 1, first_offset: firstOffset, last_offset: lastOffset }
}
