import type { BackupPlan, BackupReport, LatencySummary } from '@kafka-backup/core'
import { clusterReportDocument, clusterReportText } from './cluster-report-text.ts'
import { groupsLine, groupsReportDocument, unreadGroupsTexts } from './groups-text.ts'
import {
  divergenceDocument,
  divergenceText,
  gapReasonText,
  historyLabel,
  keptHistoriesText,
  unreadDocument,
  unreadText,
} from './history-text.ts'
import { lagDocument, lagText } from './lag-text.ts'
import { settingsReportDocument, settingsReportText } from './topic-settings-text.ts'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatRatio,
  formatTime,
  plural,
} from './units.ts'

/** First line of a backup: what will happen to what. */
export function backupHeadline(plan: BackupPlan, location: string, isContinuous = false): string {
  const since = plan.sinceCommit === null ? 'a new backup' : `new since commit ${plan.sinceCommit}`
  return [
    `Backup ${plan.backupId}  ·  cluster ${plan.clusterId} (${plural(plan.brokers, 'broker')})  ·  ${location}`,
    `  ${plural(plan.topicCount, 'topic')}, ${plural(plan.partitions.length, 'partition')} · ${plural(plan.newOffsets, 'offset')} to read (${since})${isContinuous ? ', and on until it is stopped' : ''}`,
  ].join('\n')
}

/** What `--dry-run` prints. */
export function backupPlanText(plan: BackupPlan, location: string): string {
  const lines = plan.partitions.map((entry) => {
    const count = entry.targetOffset - entry.beginOffset
    const range =
      count === 0n
        ? 'nothing new'
        : `offsets ${entry.beginOffset}-${entry.targetOffset - 1n} (${formatCount(count)})`
    const gap = entry.gap
      ? `, gap ${entry.gap.firstOffset}-${entry.gap.endOffset - 1n}: deleted on the source`
      : ''
    return `  ${historyLabel(entry)}  ${range}${entry.isNew ? ', joins the backup' : ''}${gap}`
  })
  const divergences = plan.partitions.flatMap(({ divergence }) => divergence ?? [])
  const changes = divergences.map((entry) => `  ${divergenceText(entry)}`)
  return [backupHeadline(plan, location), ...lines, ...changes, 'Plan only: nothing was written.'].join('\n')
}

/** The verdict and what it rests on. */
export function backupReportText(report: BackupReport): string {
  const word = {
    complete: 'Complete',
    incomplete: 'Incomplete',
    interrupted: 'Interrupted',
    failed: 'Failed',
    running: 'Failed',
  }
  const lines = [
    `${word[report.outcome].padEnd(12)}${plural(report.records, 'record')} · ${formatBytes(report.rawBytes)} read, ${formatBytes(report.storedBytes)} stored (${formatRatio(report.rawBytes, report.storedBytes)}) · ${formatDuration(report.durationMs)} · ${formatRate(report.rawBytes, report.durationMs)} · commit ${report.commit}`,
    `            ${recoveryText(report)} · ${plural(report.gaps.length, 'gap')} · ${checkpointText(report)}`,
  ]
  // A cluster without groups is no news.
  if (report.consumerGroups?.groups) lines.push(`            ${groupsLine(report.consumerGroups)}`)
  if (report.lag) lines.push(`            ${lagText(report.lag)}`)
  lines.push(...backupWarnings(report).map((line) => `            ${line}`))
  if (report.outcome === 'interrupted')
    lines.push('            Run the same command again to go on where this run ended.')
  return lines.join('\n')
}

/** What is missing or has changed, and what that means. */
function backupWarnings(report: BackupReport): string[] {
  const lines: string[] = []
  for (const gap of report.gaps) {
    lines.push(`${historyLabel(gap)} offsets ${gap.firstOffset}-${gap.endOffset - 1n}: ${gapReasonText(gap)}`)
  }
  lines.push(...report.divergences.map(divergenceText))
  if (report.divergences.length > 0) lines.push(keptHistoriesText(report.divergences))
  lines.push(...report.unread.map(unreadText))
  if (report.topicSettings) lines.push(...settingsReportText(report.topicSettings))
  if (report.consumerGroups) lines.push(...unreadGroupsTexts(report.consumerGroups))
  if (report.clusterDescription) lines.push(...clusterReportText(report.clusterDescription))
  if (report.isSingleWriterVouched) {
    lines.push('single_writer: nothing kept a second run from writing at the same time; see that none did')
  }
  return lines
}

function recoveryText(report: BackupReport): string {
  if (report.recoveryPointMs !== null) return `recovery point ${formatTime(report.recoveryPointMs)}`
  return 'no new recovery point'
}

function checkpointText({ checkpoints: { whole } }: BackupReport): string {
  const of = (durationMs: number) => formatDuration(durationMs)
  return `checkpoint p50 ${of(whole.p50Ms)}, p99 ${of(whole.p99Ms)}, max ${of(whole.maxMs)}`
}

/** The report for programs; `size_gb`, `messages_count` and `duration_sec` are what schedulers read. */
export function backupDocument(report: BackupReport) {
  return {
    kind: 'backup_report',
    version: 1,
    backup_id: report.backupId,
    outcome: report.outcome,
    run_id: report.runId,
    cluster_id: report.clusterId,
    commit: report.commit,
    records: report.records,
    raw_bytes: report.rawBytes,
    stored_bytes: report.storedBytes,
    segments: report.segments,
    duration_ms: Math.round(report.durationMs),
    recovery_point: report.recoveryPointMs === null ? null : formatTime(report.recoveryPointMs),
    lag: report.lag && lagDocument(report.lag),
    checkpoint_p50_ms: report.checkpoints.whole.p50Ms,
    checkpoint_p99_ms: report.checkpoints.whole.p99Ms,
    checkpoints: checkpointsDocument(report.checkpoints),
    size_gb: report.storedBytes / 1e9,
    messages_count: report.records,
    duration_sec: report.durationMs / 1_000,
    isolation_level: report.isolation,
    single_writer: report.isSingleWriterVouched,
    gaps: report.gaps.map(gapDocument),
    divergences: report.divergences.map(divergenceDocument),
    unread: report.unread.map(unreadDocument),
    topic_settings: report.topicSettings && settingsReportDocument(report.topicSettings),
    cluster_description: report.clusterDescription && clusterReportDocument(report.clusterDescription),
    consumer_groups: report.consumerGroups && groupsReportDocument(report.consumerGroups),
    partitions: report.partitions.map((entry) => ({
      topic: entry.topic,
      partition: entry.partition,
      lineage: entry.lineage,
      first_offset: entry.firstOffset,
      next_offset: entry.nextOffset,
      target_offset: entry.targetOffset,
    })),
  }
}

function checkpointsDocument({ whole, upload, commit }: BackupReport['checkpoints']) {
  const partOf = ({ p50Ms, p99Ms, maxMs }: LatencySummary) => ({
    p50_ms: p50Ms,
    p99_ms: p99Ms,
    max_ms: maxMs,
  })
  return {
    count: whole.count,
    ...partOf(whole),
    upload: partOf(upload),
    commit: partOf(commit),
    histogram: whole.buckets.map(({ boundMs, count }) => ({ le_ms: boundMs, count })),
  }
}

/** The plan for programs. */
export function backupPlanDocument(plan: BackupPlan) {
  return {
    kind: 'backup_plan',
    version: 1,
    backup_id: plan.backupId,
    cluster_id: plan.clusterId,
    since_commit: plan.sinceCommit,
    isolation_level: plan.isolation,
    new_offsets: plan.newOffsets,
    partitions: plan.partitions.map((entry) => ({
      topic: entry.topic,
      partition: entry.partition,
      lineage: entry.lineage,
      divergence: entry.divergence && divergenceDocument(entry.divergence),
      begin_offset: entry.beginOffset,
      target_offset: entry.targetOffset,
      is_new: entry.isNew,
      gap: entry.gap && { first_offset: entry.gap.firstOffset, end_offset: entry.gap.endOffset },
    })),
  }
}

/** A gap for programs; `end_offset` is exclusive. */
export function gapDocument(gap: BackupReport['gaps'][number]) {
  return {
    topic: gap.topic,
    partition: gap.partition,
    lineage: gap.lineage,
    first_offset: gap.firstOffset,
    end_offset: gap.endOffset,
    reason: gap.reason,
    ...(gap.quarantine ? { quarantine: gap.quarantine } : {}),
  }
}
