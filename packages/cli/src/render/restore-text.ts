import type {
  LedgerState,
  PreparedRestore,
  RestorePlan,
  RestoreReport,
  RestoreVerdict,
} from '@kafka-backup/core'
import { gapDocument } from './backup-text.ts'
import { earlierHistoryHint, historyLabel, prunedExtentDocument, prunedExtentText } from './history-text.ts'
import { keptOffsetsLine, roomLine } from './kept-offsets-text.ts'
import { choiceLines, emptyWindowLines } from './restore-choice-text.ts'
import { noteDocument, noteText, setDocument } from './setting-note-text.ts'
import { sinceLines } from './since-begun-text.ts'
import { formatBytes, formatDuration, formatRate, plural } from './units.ts'
import { othersDocument, othersLines } from './verification-text.ts'

const INDENT = '            '
const VERIFIED_LINE = `${INDENT}verified: every record was read back and is what the archive holds`
/** What a restore without transactions cannot promise, wherever it is named. */
export const IDEMPOTENT_LIMIT =
  'exactly once across crashes, but not against a process that was suspended while it sent and wakes later'

/** First lines of a restore: what will happen to what. */
export function restoreHeadline(prepared: PreparedRestore): string {
  const { plan, target, known } = prepared
  const how = known ? `Going on with restore ${known.state.restoreId} of` : 'Restore of'
  return [
    `${how} ${plan.backupId} (commit ${plan.commit}) into cluster ${target.clusterId} (${plural(target.brokers, 'broker')})`,
    ...plan.topics.map((topic) => `  ${topicLine(topic, target)}`),
    ...plan.partitions.flatMap((entry) => historyLines(entry).map((line) => `  ${line}`)),
    ...[...choiceLines(prepared), ...sinceLines(prepared)].map((line) => `  ${line}`),
    ...(target.offsets ? [`  ${roomLine(target.offsets)}`] : []),
    `  ${plan.isExact ? '' : 'at most '}${plural(plan.records, 'record')} · ${formatBytes(plan.storedBytes)} to read · ${formatBytes(plan.rawBytes)} to produce`,
    `  ${modeText(target)}`,
    ...target.settingNotes.map((note) => `  ${noteText(note)}`),
    ...target.warnings.map((warning) => `  Warning: ${warning}`),
  ].join('\n')
}

/** `orders → orders-copy (will be created with 3 partitions and retention.ms=-1)` */
function topicLine(topic: RestorePlan['topics'][number], target: PreparedRestore['target']): string {
  const { sourceTopics, targetTopic } = topic
  const isSame = sourceTopics.length === 1 && sourceTopics[0] === targetTopic
  const name = isSame ? targetTopic : `${sourceTopics.join(' + ')} → ${targetTopic}`
  const created = target.newTopics.find((entry) => entry.name === targetTopic)
  const own = target.heldSettings.filter((setting) => setting.topic === targetTopic)
  if (created) {
    const retention = created.configs.get('retention.ms')
    const later = own.map((setting) => `${setting.name}=${setting.original}`).join(' and ')
    const end = later === '' ? '' : `; ${later} when the restore is done`
    return `${name} (will be created with ${plural(topic.partitionCount, 'partition')} and retention.ms=${retention}${end})`
  }
  const held = own.filter((setting) => setting.held === '-1').map(({ name: setting }) => setting)
  const changed = own
    .filter((setting) => setting.held !== '-1')
    .map((setting) => `${setting.name}=${setting.original}`)
  const isPurged = [...target.purges.keys()].some((place) => place.startsWith(`${targetTopic}/`))
  const remarks = [
    isPurged ? 'its records are deleted first' : 'exists',
    ...(held.length > 0 ? [`${held.join(' and ')} off until the restore is done`] : []),
    ...(changed.length > 0 ? [`${changed.join(' and ')} when the restore is done`] : []),
  ]
  return `${name} (${remarks.join('; ')})`
}

/** How exactly once is kept, and what it does not cover. */
export function modeText({
  mode,
  modeReason,
}: Pick<PreparedRestore['target'], 'mode' | 'modeReason'>): string {
  if (mode === 'transactions')
    return 'mode: transactions (exactly once, also if this process dies or is suspended)'
  return `mode: idempotent, because ${modeReason ?? 'it was begun so'} (${IDEMPOTENT_LIMIT})`
}

function verifiedLines(verified: readonly RestoreVerdict[]): string[] {
  return [VERIFIED_LINE, ...othersLines(verified).map((line) => `${INDENT}${line}`)]
}

function verifiedDocument(verified: RestoreReport['verified']) {
  if (verified === null) return null
  return verified.map((entry) => ({
    topic: entry.topic,
    partition: entry.partition,
    records: entry.records,
    sha256: entry.sha256,
    ...othersDocument(entry),
  }))
}

/** The verdict and what it rests on. */
export function restoreReportText(plan: RestorePlan, report: RestoreReport): string {
  const word = report.outcome === 'complete' ? 'Complete' : 'Incomplete'
  const topics = new Set(report.partitions.map((entry) => entry.topic))
  const before = report.records - report.writtenRecords
  const isExclusive = report.partitions.every(({ expectedOffset }) => expectedOffset !== null)
  const lines = [
    `${word.padEnd(12)}${plural(report.records, 'record')} in ${plural(topics.size, 'topic')} · ${formatBytes(report.writtenBytes)} · ${formatDuration(report.durationMs)} · ${formatRate(report.writtenBytes, report.durationMs)}`,
    ...(before > 0
      ? [`${INDENT}${plural(before, 'record')} of them by earlier runs of restore ${report.restoreId}`]
      : []),
    ...(report.recoveries > 0
      ? [`${INDENT}${plural(report.recoveries, 'failure')} on the way, gone on after each`]
      : []),
    ...(isExclusive ? [`${INDENT}checked: every target partition ends where it must`] : []),
    ...(report.verified ? verifiedLines(report.verified) : []),
  ]
  lines.push(...emptyWindowLines(plan, report.records).map((line) => `${INDENT}${line}`))
  if (report.filledOffsets) lines.push(`${INDENT}${keptOffsetsLine(report.filledOffsets)}`)
  if (report.mode === 'idempotent') lines.push(`${INDENT}mode: idempotent (${IDEMPOTENT_LIMIT})`)
  lines.push(...createdLines(plan, report))
  lines.push(...report.settingNotes.map((note) => `${INDENT}${noteText(note)}`))
  for (const gap of report.gaps) {
    lines.push(
      `${INDENT}${historyLabel(gap)} offsets ${gap.firstOffset}-${gap.endOffset - 1n} are not in the backup`,
    )
  }
  for (const extent of plan.pruned) lines.push(`${INDENT}${prunedExtentText(extent)}`)
  for (const entry of plan.partitions) lines.push(...historyLines(entry).map((line) => `${INDENT}${line}`))
  return lines.join('\n')
}

/** What keeps old records in topics that were created. Settings that somebody gave are theirs to know. */
function createdLines(
  plan: RestorePlan,
  { createdTopics: created, settingsSet }: Pick<RestoreReport, 'createdTopics' | 'settingsSet'>,
): string[] {
  const isGiven = (name: string): boolean =>
    settingsSet.some((setting) => setting.topic === name && setting.name === 'retention.ms') ||
    plan.topics.some(
      ({ targetTopic, configOverrides }) => targetTopic === name && configOverrides.has('retention.ms'),
    )
  const lasting = created.filter((name) => !isGiven(name))
  const given = created.filter(isGiven)
  return [
    ...(given.length > 0
      ? [`${INDENT}created, with the retention that was given or that the source had: ${given.join(', ')}`]
      : []),
    ...(lasting.length > 0
      ? [
          `${INDENT}created with retention.ms=-1, so that old records stay: ${lasting.join(', ')}`,
          `${INDENT}set the retention you want: kafka-configs.sh --bootstrap-server … --alter \\`,
          `${INDENT}    --entity-type topics --entity-name ${lasting[0]} --add-config retention.ms=…`,
        ]
      : []),
  ]
}

/** Whoever restores a partition with several histories must know which one they get. */
export function historyLines(entry: {
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
export function restoreDocument(plan: RestorePlan, report: RestoreReport) {
  return {
    kind: 'restore_report',
    version: 2,
    backup_id: report.backupId,
    restore_id: report.restoreId,
    commit: report.commit,
    cluster_id: report.clusterId,
    outcome: report.outcome,
    already_finished: false,
    mode: report.mode,
    resumed: report.isResumed,
    recoveries: report.recoveries,
    records: report.records,
    written_records: report.writtenRecords,
    written_bytes: report.writtenBytes,
    raw_bytes: report.rawBytes,
    stored_bytes: report.storedBytes,
    duration_ms: Math.round(report.durationMs),
    created_topics: report.createdTopics,
    settings_set: report.settingsSet.map(setDocument),
    setting_notes: report.settingNotes.map(noteDocument),
    verified: verifiedDocument(report.verified),
    gaps: report.gaps.map(gapDocument),
    pruned: plan.pruned.map(prunedExtentDocument),
    filled_offsets: report.filledOffsets,
    partitions: report.partitions.map((entry) => ({
      topic: entry.topic,
      partition: entry.partition,
      records: Number(entry.position),
      reencoded_batches: entry.reencodedBatches,
      first_target_offset: entry.beginOffset,
      next_target_offset: entry.nextOffset,
      sources: sourcesOf(plan, entry).map((source) => ({
        topic: source.sourceTopic,
        partition: source.partition,
        lineage: source.lineage,
      })),
    })),
  }
}

function sourcesOf(
  plan: RestorePlan,
  { topic, partition }: { readonly topic: string; readonly partition: number },
) {
  const work = plan.works.find(({ targets }) =>
    targets.some((place) => place.topic === topic && place.partition === partition),
  )
  return (work?.sources ?? []).flatMap((at) => plan.partitions[at] ?? [])
}

/** A restore that there is nothing to add to. */
export function finishedText(
  { restoreId, finished, opened }: LedgerState,
  verified: RestoreReport['verified'],
  since: readonly string[],
): string {
  const word = finished?.outcome === 'incomplete' ? 'Incomplete' : 'Complete'
  const done = verified ? 'nothing was written' : 'nothing was written or compared'
  return [
    `${word.padEnd(12)}restore ${restoreId} of ${opened.backupId} had finished already: ${plural(finished?.records ?? 0, 'record')}; ${done}`,
    ...since.map((line) => `${INDENT}${line}`),
    ...(verified
      ? verifiedLines(verified)
      : [`${INDENT}to compare it: kafka-backup verify --against-cluster --restore ${restoreId}`]),
  ].join('\n')
}

/** The same for programs. */
export function finishedDocument(
  { restoreId, finished, opened }: LedgerState,
  verified: RestoreReport['verified'],
) {
  return {
    kind: 'restore_report',
    version: 2,
    backup_id: opened.backupId,
    restore_id: restoreId,
    commit: opened.commit,
    cluster_id: opened.clusterId,
    outcome: finished?.outcome ?? 'complete',
    already_finished: true,
    mode: opened.mode,
    records: finished?.records ?? 0,
    written_records: 0,
    verified: verifiedDocument(verified),
  }
}
