import type { PreparedRestore, RestoreSettings } from '@kafka-backup/core'
import { gapDocument } from './backup-text.ts'
import { historyLabel } from './history-text.ts'
import { roomDocument } from './kept-offsets-text.ts'
import { restoreHeadline } from './restore-text.ts'
import { formatBytes, formatDuration, formatTime } from './units.ts'

type Pace = RestoreSettings['pace']

/** Where nothing limits it; a plan cannot know how fast a cluster is. */
const ASSUMED_BYTES_PER_SEC = 100_000_000

/** What `--dry-run` prints. */
export function restorePlanText(prepared: PreparedRestore, pace: Pace): string {
  const { plan } = prepared
  const gaps = plan.gaps.map(
    (gap) =>
      `  gap: ${historyLabel(gap)} offsets ${gap.firstOffset}-${gap.endOffset - 1n} are not in the backup`,
  )
  const { firstMs, lastMs } = timeRange(prepared)
  const estimate = estimateOf(prepared, pace)
  const rate = `${formatBytes(estimate.bytesPerSec)}/s${estimate.isAssumed ? ', which is assumed' : ''}`
  return [
    restoreHeadline(prepared),
    `  time range: ${formatTime(firstMs)} to ${formatTime(lastMs)}`,
    `  about ${formatDuration(estimate.durationMs)} at ${rate}`,
    ...gaps,
    'Would refuse: nothing.',
    'Plan only: nothing was written.',
  ].join('\n')
}

/** Of all records that may be restored; null: not known. */
function timeRange({ plan }: PreparedRestore): { readonly firstMs: bigint | null; readonly lastMs: bigint } {
  const filled = plan.topics.filter(({ maxTimestampMs }) => maxTimestampMs >= 0n)
  const firstMs = filled.reduce<bigint | null>(
    (first, { minTimestampMs: own }) => (first === null || own === null ? null : own < first ? own : first),
    filled[0]?.minTimestampMs ?? null,
  )
  const lastMs = filled.reduce((last, { maxTimestampMs: own }) => (own > last ? own : last), -1n)
  const { window } = plan
  return {
    firstMs:
      window?.fromMs != null && (firstMs === null || window.fromMs > firstMs) ? window.fromMs : firstMs,
    lastMs: window?.toMs != null && window.toMs < lastMs ? window.toMs : lastMs,
  }
}

function estimateOf({ plan, target }: PreparedRestore, pace: Pace) {
  const byRecords = pace.recordsPerSec === undefined ? 0 : (plan.records / pace.recordsPerSec) * 1000
  const bytesPerSec = pace.bytesPerSec ?? ASSUMED_BYTES_PER_SEC
  const durationMs =
    Math.max(byRecords, (plan.rawBytes / bytesPerSec) * 1000) + (target.offsets?.estimatedMs ?? 0)
  return { durationMs, bytesPerSec, isAssumed: pace.bytesPerSec === undefined }
}

/** The plan for programs. */
export function restorePlanDocument(prepared: PreparedRestore, pace: Pace) {
  const { plan, target, known } = prepared
  const { firstMs, lastMs } = timeRange(prepared)
  return {
    kind: 'restore_plan',
    version: 2,
    backup_id: plan.backupId,
    restore_id: known?.state.restoreId ?? null,
    commit: plan.commit,
    plan_sha256: plan.planSha256,
    cluster_id: target.clusterId,
    mode: target.mode,
    mode_reason: target.modeReason,
    kept_offsets: roomDocument(target.offsets),
    records: plan.records,
    records_exact: plan.isExact,
    raw_bytes: plan.rawBytes,
    stored_bytes: plan.storedBytes,
    first_timestamp: firstMs,
    last_timestamp: lastMs,
    estimated_duration_ms: Math.round(estimateOf(prepared, pace).durationMs),
    window: plan.window && { from: plan.window.fromMs, to: plan.window.toMs },
    warnings: target.warnings,
    gaps: plan.gaps.map(gapDocument),
    partitions: plan.partitions.map((entry) => ({
      source_topic: entry.sourceTopic,
      source_partition: entry.partition,
      topic: entry.targetTopic,
      partition: entry.targetPartition,
      lineage: entry.lineage,
      inherited_end_offset: entry.inheritedEndOffset,
      records: entry.records,
      records_exact: entry.isExact,
    })),
    topics: plan.topics.map((topic) => ({
      source_topics: topic.sourceTopics,
      topic: topic.targetTopic,
      partitions: topic.partitionCount,
      created: target.newTopics.some((entry) => entry.name === topic.targetTopic),
    })),
    held_settings: target.heldSettings.map(({ topic, name, held, original }) => ({
      topic,
      name,
      held,
      original,
    })),
    purged: [...target.purges].map(([place, offset]) => ({ place, below_offset: offset })),
  }
}
