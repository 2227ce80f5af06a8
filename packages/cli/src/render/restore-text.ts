import type { RestorePlan, RestoreReport, TargetPlan } from '@kafka-backup/core'
import { gapDocument } from './backup-text.ts'
import { earlierHistoryHint, historyLabel } from './history-text.ts'
import { formatBytes, formatDuration, formatRate, plural } from './units.ts'

/** First lines of a restore: what will happen to what. */
export function restoreHeadline(plan: RestorePlan, target: TargetPlan): string {
  const topics = plan.topics.map((topic) => {
    const name =
      topic.sourceTopic === topic.targetTopic
        ? topic.sourceTopic
        : `${topic.sourceTopic} → ${topic.targetTopic}`
    const created = target.newTopics.some((entry) => entry.name === topic.targetTopic)
    const how = created
      ? `will be created with ${plural(topic.partitionCount, 'partition')} and retention.ms=-1`
      : 'exists and is empty'
    return `  ${name} (${how})`
  })
  return [
    `Restore of ${plan.backupId} (commit ${plan.commit}) into cluster ${target.clusterId} (${plural(target.brokers, 'broker')})`,
    ...topics,
    ...plan.partitions.flatMap((entry) => historyLines(entry).map((line) => `  ${line}`)),
    `  ${plan.isExact ? '' : 'at most '}${plural(plan.records, 'record')} · ${formatBytes(plan.storedBytes)} to read · ${formatBytes(plan.rawBytes)} to produce`,
    '  If this run dies, a part of the records stays behind, and the next run refuses to add to it.',
  ].join('\n')
}

/** What `--dry-run` prints. */
export function restorePlanText(plan: RestorePlan, target: TargetPlan): string {
  const gaps = plan.gaps.map(
    (gap) =>
      `  gap: ${historyLabel(gap)} offsets ${gap.firstOffset}-${gap.endOffset - 1n} are not in the backup`,
  )
  return [restoreHeadline(plan, target), ...gaps, 'Plan only: nothing was written.'].join('\n')
}

/** The verdict and what it rests on. */
export function restoreReportText(report: RestoreReport): string {
  const word = report.outcome === 'complete' ? 'Complete' : 'Incomplete'
  const topics = new Set(report.partitions.map((entry) => entry.topic))
  const lines = [
    `${word.padEnd(12)}${plural(report.records, 'record')} in ${plural(topics.size, 'topic')} · ${formatBytes(report.rawBytes)} · ${formatDuration(report.durationMs)} · ${formatRate(report.rawBytes, report.durationMs)}`,
    '            checked: every target partition holds as many records as were written',
  ]
  if (report.createdTopics.length > 0) {
    lines.push(
      `            created with retention.ms=-1, so that old records stay: ${report.createdTopics.join(', ')}`,
      '            set the retention you want: kafka-configs.sh --bootstrap-server … --alter \\',
      `                --entity-type topics --entity-name ${report.createdTopics[0]} --add-config retention.ms=…`,
    )
  }
  for (const gap of report.gaps) {
    lines.push(
      `            ${historyLabel(gap)} offsets ${gap.firstOffset}-${gap.endOffset - 1n} are not in the backup`,
    )
  }
  for (const entry of report.partitions) {
    lines.push(...historyLines(entry).map((line) => `            ${line}`))
  }
  return lines.join('\n')
}

/** Whoever restores a partition with several histories must know which one they get. */
function historyLines(entry: {
  readonly sourceTopic: string
  readonly partition: number
  readonly lineage: number
  readonly sinceCommit: bigint
  readonly inheritedEndOffset: bigint | null
}): string[] {
  if (entry.lineage === 1) return []
  const inherited =
    entry.inheritedEndOffset === null
      ? ''
      : `, with what both histories have in common below offset ${entry.inheritedEndOffset}`
  const hint = earlierHistoryHint(entry.sinceCommit)
  return [
    `${entry.sourceTopic}/${entry.partition}: history ${entry.lineage}, the newest${inherited}; ${hint}`,
  ]
}

/** The report for programs. */
export function restoreDocument(report: RestoreReport) {
  return {
    kind: 'restore_report',
    version: 1,
    backup_id: report.backupId,
    commit: report.commit,
    cluster_id: report.clusterId,
    outcome: report.outcome,
    mode: 'idempotent',
    records: report.records,
    raw_bytes: report.rawBytes,
    stored_bytes: report.storedBytes,
    duration_ms: Math.round(report.durationMs),
    created_topics: report.createdTopics,
    gaps: report.gaps.map(gapDocument),
    partitions: report.partitions.map((entry) => ({
      source_topic: entry.sourceTopic,
      topic: entry.topic,
      partition: entry.partition,
      lineage: entry.lineage,
      records: entry.records,
      reencoded_batches: entry.reencodedBatches,
      first_source_offset: entry.firstSourceOffset,
      next_source_offset: entry.nextSourceOffset,
      first_target_offset: entry.firstTargetOffset,
      next_target_offset: entry.nextTargetOffset,
    })),
  }
}

/** The plan for programs. */
export function restorePlanDocument(plan: RestorePlan, target: TargetPlan) {
  return {
    kind: 'restore_plan',
    version: 1,
    backup_id: plan.backupId,
    commit: plan.commit,
    cluster_id: target.clusterId,
    mode: 'idempotent',
    records: plan.records,
    records_exact: plan.isExact,
    raw_bytes: plan.rawBytes,
    stored_bytes: plan.storedBytes,
    gaps: plan.gaps.map(gapDocument),
    partitions: plan.partitions.map((entry) => ({
      source_topic: entry.sourceTopic,
      topic: entry.targetTopic,
      partition: entry.partition,
      lineage: entry.lineage,
      inherited_end_offset: entry.inheritedEndOffset,
      records: entry.records,
      records_exact: entry.isExact,
    })),
    topics: plan.topics.map((topic) => ({
      source_topic: topic.sourceTopic,
      topic: topic.targetTopic,
      partitions: topic.partitionCount,
      created: target.newTopics.some((entry) => entry.name === topic.targetTopic),
    })),
  }
}
