import type { LedgerState, PreparedRestore, RestoreSettings } from '@kafka-backup/core'
import { gapDocument } from './backup-text.ts'
import { historyLabel, prunedExtentDocument, prunedExtentText } from './history-text.ts'
import { roomDocument } from './kept-offsets-text.ts'
import { estimateRestore } from './restore-estimate.ts'
import { restoreHeadline } from './restore-text.ts'
import { noteDocument } from './setting-note-text.ts'
import { sinceDocument } from './since-begun-text.ts'
import { formatDuration, formatTime, plural } from './units.ts'

type Pace = RestoreSettings['pace']

/** What `--dry-run` prints. `earlier`: restores of the same backup. */
export function restorePlanText(
  prepared: PreparedRestore,
  pace: Pace,
  earlier: readonly LedgerState[],
): string {
  const { plan } = prepared
  const gaps = plan.gaps.map(
    (gap) =>
      `  gap: ${historyLabel(gap)} offsets ${gap.firstOffset}-${gap.endOffset - 1n} are not in the backup`,
  )
  const { firstMs, lastMs } = timeRange(prepared)
  const estimate = estimateRestore(prepared, pace, earlier, progressOf(prepared).left)
  return [
    restoreHeadline(prepared),
    ...(lastMs < 0n ? [] : [`  time range: ${formatTime(firstMs)} to ${formatTime(lastMs)}`]),
    ...leftLines(prepared),
    `  about ${formatDuration(estimate.durationMs)} ${estimate.basis}`,
    ...gaps,
    ...plan.pruned.map((extent) => `  pruned: ${prunedExtentText(extent)}`),
    'Would refuse: nothing.',
    'Plan only: nothing was written.',
  ].join('\n')
}

/** What earlier runs of this restore have written. By its ledger, which may be some records behind. */
function progressOf({ plan, known }: PreparedRestore) {
  const written = [...(known?.state.progress.values() ?? [])].reduce(
    (sum, { position }) => sum + Number(position),
    0,
  )
  return { written, left: Math.max(0, plan.records - written) }
}

function leftLines(prepared: PreparedRestore): string[] {
  if (!prepared.known) return []
  const { written, left } = progressOf(prepared)
  return [
    `  left to do: at most ${plural(left, 'record')}; at least ${plural(written, 'record')} are written`,
  ]
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
  if (filled.length === 0) return { firstMs: null, lastMs }
  return {
    firstMs:
      window?.fromMs != null && (firstMs === null || window.fromMs > firstMs) ? window.fromMs : firstMs,
    lastMs: window?.toMs != null && window.toMs < lastMs ? window.toMs : lastMs,
  }
}

/** What a topic is created with; what it gets when the restore is done is in `held_settings`. */
function creationOf({ target }: PreparedRestore, topic: string) {
  const created = target.newTopics.find(({ name }) => name === topic)
  if (!created) return {}
  return { replication_factor: created.replicationFactor, settings: Object.fromEntries(created.configs) }
}

/** The plan for programs. */
export function restorePlanDocument(prepared: PreparedRestore, pace: Pace, earlier: readonly LedgerState[]) {
  const estimate = estimateRestore(prepared, pace, earlier, progressOf(prepared).left)
  const { request, plan, target, known } = prepared
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
    written_records: progressOf(prepared).written,
    left_records: progressOf(prepared).left,
    raw_bytes: plan.rawBytes,
    stored_bytes: plan.storedBytes,
    first_timestamp: firstMs,
    last_timestamp: lastMs,
    source_times: { first: plan.times.firstMs, last: plan.times.lastMs },
    chosen_partitions: request.partitions,
    offset_ranges: request.offsetRanges,
    estimated_duration_ms: Math.round(estimate.durationMs),
    estimate_rests_on: estimate.restsOn,
    ...sinceDocument(prepared),
    warnings: target.warnings,
    gaps: plan.gaps.map(gapDocument),
    pruned: plan.pruned.map(prunedExtentDocument),
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
      routing: routingOf(plan, topic.targetTopic),
      ...creationOf(prepared, topic.targetTopic),
    })),
    setting_notes: target.settingNotes.map(noteDocument),
    held_settings: target.heldSettings.map(({ topic, name, held, original }) => ({
      topic,
      name,
      held,
      original,
    })),
    purged: [...target.purges].map(([place, offset]) => ({ place, below_offset: offset })),
  }
}

/** `murmur2`: by key, and then `partition` of its sources is null. */
function routingOf({ works }: PreparedRestore['plan'], targetTopic: string): 'direct' | 'murmur2' {
  const isSpread = works.some(
    ({ routing, targets }) => routing === 'murmur2' && targets.some(({ topic }) => topic === targetTopic),
  )
  return isSpread ? 'murmur2' : 'direct'
}
