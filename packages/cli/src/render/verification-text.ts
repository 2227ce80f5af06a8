import type {
  LedgerState,
  PartitionVerdict,
  RestorePlan,
  RestoreVerdict,
  SourceRemark,
  SourceVerdict,
  Verdict,
} from '@kafka-backup/core'
import { gapDocument } from './backup-text.ts'
import { historyLabel, offsetRange } from './history-text.ts'
import { formatCount, formatDuration, plural } from './units.ts'

/** A comparison with a restored copy. */
export interface RestoreVerification {
  readonly ledger: LedgerState
  /** Finished restores into the same cluster that were not compared. */
  readonly others: number
  readonly outcome: Verdict
  readonly verdicts: readonly RestoreVerdict[]
  readonly gaps: RestorePlan['gaps']
  readonly durationMs: number
}

/** A comparison with the source of the backup. */
export interface SourceVerification {
  readonly plan: RestorePlan
  readonly clusterId: string
  readonly outcome: Verdict
  readonly verdicts: readonly SourceVerdict[]
  readonly durationMs: number
}

const INDENT = '            '
const HEADS: Readonly<Record<Verdict, string>> = {
  equal: 'Equal',
  incomplete: 'Incomplete',
  differs: 'Different',
}

/** What was compared, the verdict, and each partition when they are not all equal. */
export function restoreVerificationText(verification: RestoreVerification): string {
  const { ledger, others, outcome, verdicts, gaps, durationMs } = verification
  const what = `restore ${ledger.restoreId} in cluster ${ledger.opened.clusterId}`
  const lines = [
    headline(outcome, verdicts, what, durationMs),
    ...gaps.map((gap) => {
      return `${INDENT}${historyLabel(gap)} ${offsetRange(gap.firstOffset, gap.endOffset)}: not in the backup`
    }),
  ]
  if (others > 0) {
    const [verb, them] = others === 1 ? ['was', 'it'] : ['were', 'them']
    lines.push(
      `${INDENT}${plural(others, 'other finished restore')} into this cluster ${verb} not compared; offset-map --list names ${them}, --restore takes one`,
    )
  }
  lines.push(...othersLines(verdicts).map((line) => `${INDENT}${line}`))
  if (outcome === 'equal') return lines.join('\n')
  for (const verdict of verdicts) {
    const lacks = verdict.verdict === 'incomplete' ? ['not all of it was restored yet'] : []
    const behind = verdict.behind.records > 0 ? [`${behindCount([verdict])} behind it`] : []
    const remarks = [...lacks, ...behind]
    lines.push(...partitionLines(verdict, historyLabel(verdict), restorePlace(verdict), remarks))
  }
  return lines.join('\n')
}

/** The same for programs. */
export function othersDocument({ passedOver, behind }: RestoreVerdict) {
  return { passed_over: passedOver, behind: { records: behind.records, at_least: behind.isAtLeast } }
}

/** Records that are no part of the restore, and no difference. */
export function othersLines(verdicts: readonly RestoreVerdict[]): string[] {
  const passedOver = verdicts.reduce((sum, entry) => sum + entry.passedOver, 0)
  const isBehind = verdicts.some(({ behind }) => behind.records > 0)
  return [
    ...(passedOver > 0
      ? [`passed over: ${plural(passedOver, 'record')} that others wrote meanwhile; the restore was appended`]
      : []),
    ...(isBehind ? [`not compared: ${behindCount(verdicts)} behind the last one of the restore`] : []),
  ]
}

function behindCount(verdicts: readonly RestoreVerdict[]): string {
  const records = verdicts.reduce((sum, { behind }) => sum + behind.records, 0)
  const isAtLeast = verdicts.some(({ behind }) => behind.isAtLeast)
  return `${isAtLeast ? 'at least ' : ''}${plural(records, 'record')}`
}

/** The same for the source. What only the archive has is always told. */
export function sourceVerificationText(verification: SourceVerification): string {
  const { plan, clusterId, outcome, verdicts, durationMs } = verification
  const onlyInArchive = verdicts.reduce((sum, entry) => sum + entry.onlyInArchive, 0)
  const lines = [
    headline(outcome, verdicts, `commit ${plan.commit} and its source, cluster ${clusterId}`, durationMs),
    ...(onlyInArchive > 0
      ? [`${INDENT}${areOnly(onlyInArchive)} in the archive: deleted or compacted at the source since`]
      : []),
  ]
  for (const verdict of verdicts) {
    if (outcome === 'equal' && verdict.onlyInArchive === 0) continue
    const own = verdict.onlyInArchive > 0 ? [`${formatCount(verdict.onlyInArchive)} only in the archive`] : []
    const remarks = [...own, ...verdict.remarks.map(remarkText)]
    const label = `${historyLabel(verdict)} ${offsetRange(verdict.beginOffset, verdict.endOffset)}`
    const place = `offset ${verdict.firstDifference?.clusterOffset}`
    lines.push(...partitionLines(verdict, label, place, remarks))
  }
  return lines.join('\n')
}

function headline(
  outcome: Verdict,
  verdicts: readonly PartitionVerdict[],
  what: string,
  durationMs: number,
): string {
  const records = verdicts.reduce((sum, entry) => sum + entry.records, 0)
  const wrong = verdicts.filter(({ verdict }) => verdict === 'differs').length
  const found =
    outcome === 'differs'
      ? `${formatCount(wrong)} of ${plural(verdicts.length, 'partition')} differ`
      : outcome === 'incomplete' && records === 0
        ? 'nothing was compared'
        : `${plural(records, 'record')} are the same`
  return `${HEADS[outcome].padEnd(12)}${what}: ${found} · ${formatDuration(durationMs)}`
}

function partitionLines(
  { verdict, records, differences, firstDifference, sha256, clusterSha256 }: PartitionVerdict,
  label: string,
  place: string,
  remarks: readonly string[],
): string[] {
  const count = differences > 0 ? `, ${plural(differences, 'difference')}` : ''
  const more = remarks.map((remark) => `, ${remark}`).join('')
  const lines = [`${INDENT}${label}: ${verdict}, ${plural(records, 'record')}${count}${more}`]
  if (!firstDifference) return lines
  const fields = firstDifference.fields.length > 0 ? ` [${firstDifference.fields.join(', ')}]` : ''
  return [
    ...lines,
    `${INDENT}    the first record that differs has ${place}${fields}: ${firstDifference.detail}`,
    `${INDENT}    archive sha256 ${sha256}`,
    `${INDENT}    cluster sha256 ${clusterSha256}`,
  ]
}

function restorePlace({ firstDifference }: PartitionVerdict): string {
  const { sourceOffset = null, clusterOffset = null } = firstDifference ?? {}
  return [
    ...(sourceOffset === null ? [] : [`source offset ${sourceOffset}`]),
    ...(clusterOffset === null ? [] : [`target offset ${clusterOffset}`]),
  ].join(', ')
}

function remarkText(remark: SourceRemark): string {
  switch (remark.kind) {
    case 'topic_missing':
      return 'the source has no such topic or partition any more'
    case 'topic_recreated':
      return 'the topic was deleted and created again: nothing of it was compared'
    case 'log_truncated':
      return `the log of the source was truncated: the backup has other records from offset ${remark.offset} on`
    case 'open_transaction':
      return `a transaction is open from offset ${remark.offset} on: what follows was not compared`
    case 'declared_gap':
      return `${plural(remark.records, 'record')} of the source lie in a declared gap of the backup`
  }
}

function areOnly(records: number): string {
  return `${plural(records, 'record')} ${records === 1 ? 'is' : 'are'} only`
}

/** The report for programs. */
export function restoreVerificationDocument(verification: RestoreVerification) {
  const { ledger, others, outcome, verdicts, gaps, durationMs } = verification
  return {
    kind: 'verification_report',
    version: 1,
    backup_id: ledger.opened.backupId,
    compared_with: 'restore',
    commit: ledger.opened.commit,
    restore_id: ledger.restoreId,
    cluster_id: ledger.opened.clusterId,
    other_restores: others,
    outcome,
    ...totals(verdicts),
    duration_ms: Math.round(durationMs),
    gaps: gaps.map(gapDocument),
    partitions: verdicts.map((entry) => ({
      ...verdictDocument(entry),
      ...othersDocument(entry),
    })),
  }
}

/** The same for the source. */
export function sourceVerificationDocument(verification: SourceVerification) {
  const { plan, clusterId, outcome, verdicts, durationMs } = verification
  return {
    kind: 'verification_report',
    version: 1,
    backup_id: plan.backupId,
    compared_with: 'source',
    commit: plan.commit,
    restore_id: null,
    cluster_id: clusterId,
    outcome,
    ...totals(verdicts),
    only_in_archive: verdicts.reduce((sum, entry) => sum + entry.onlyInArchive, 0),
    duration_ms: Math.round(durationMs),
    partitions: verdicts.map((entry) => ({
      ...verdictDocument(entry),
      lineage: entry.lineage,
      begin_offset: entry.beginOffset,
      end_offset: entry.endOffset,
      only_in_archive: entry.onlyInArchive,
      remarks: entry.remarks,
    })),
  }
}

function totals(verdicts: readonly PartitionVerdict[]) {
  return {
    records: verdicts.reduce((sum, entry) => sum + entry.records, 0),
    differences: verdicts.reduce((sum, entry) => sum + entry.differences, 0),
  }
}

function verdictDocument(entry: PartitionVerdict) {
  const first = entry.firstDifference
  return {
    topic: entry.topic,
    partition: entry.partition,
    verdict: entry.verdict,
    records: entry.records,
    sha256: entry.sha256,
    cluster_sha256: entry.clusterSha256,
    differences: entry.differences,
    first_difference: first && {
      kind: first.kind,
      source_offset: first.sourceOffset,
      cluster_offset: first.clusterOffset,
      fields: first.fields,
      detail: first.detail,
    },
  }
}
