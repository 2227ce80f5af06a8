import type { CarriedGroup, OffsetReport, ReportRow } from '@kafka-backup/core'
import type { KnownGroups } from '../read-offset-report.ts'
import type { ToldReport } from '../read-told-report.ts'
import { renderCsv } from './csv.ts'
import { shownRestoreText, standingDocument } from './offset-map-text.ts'
import { shownName } from './shown-name.ts'
import { renderTable } from './table.ts'
import { formatCount, formatTime, plural } from './units.ts'

const REASONS = {
  not_restored: 'not part of the restore',
  other_history: 'of another history of the partition',
  nothing_written: 'nothing was written for it',
  unfinished: 'the restore has not come so far',
  no_topic: 'the cluster has no such topic',
  no_headers: 'its records have no headers',
  append_times: 'the copy has times of arrival',
} as const

const NO_HEADERS = 'its records have no header x-original-offset; restore with include_original_offset_header'
const END_BY_TIME =
  'end: nothing was archived behind what was committed; what the copy has got beyond the archive is not read'

/** Where groups go on, for people. */
export function reportText(known: KnownGroups, told: ToldReport): string {
  const { report } = told
  const { rows, withoutOffsets, carried } = report
  const lines = [toldText(told), groupsAsOf(known)]
  if (rows.length > 0) lines.push('', rowTable(rows))
  const notes = [
    ...withoutOffsets.map(
      ({ group, type, unread }) =>
        `${shownName(group)}: no offsets ${unread === null ? `(${type} group)` : `could be read (${unread})`}`,
    ),
    ...carried.map(carriedText),
    ...copyNotes(told),
  ]
  if (notes.length > 0) lines.push('', ...notes)
  lines.push('', verdictOf(report))
  return lines.join('\n')
}

/** `billing: offsets are of 2026-11-28T05:09:34.828Z (ABSENT)` */
export function carriedText({ group, readAtMs, unread }: CarriedGroup): string {
  return `${shownName(group)}: offsets are of ${formatTime(readAtMs)} (${unread})`
}

/** The same for programs. */
export function carriedDocument({ group, readAtMs, unread }: CarriedGroup) {
  return { group, read_at: formatTime(readAtMs), unread }
}

/** Who told where records are. */
export function toldText({ toldBy, shown, clusterId }: ToldReport): string {
  const lines = shown ? [shownRestoreText(shown)] : []
  if (toldBy === 'map') return lines.join('\n')
  const names = shown ? '' : ', found by the names of topics'
  return [...lines, `By ${toldBy} of records in cluster ${clusterId}${names}`].join('\n')
}

function copyNotes({ toldBy, counts, report }: ToldReport): string[] {
  const notes = [...counts].flatMap(([topic, { withHeaders, withoutHeaders }]) => {
    if (withoutHeaders === 0) return []
    if (withHeaders === 0) return [`${topic}: ${NO_HEADERS}`]
    return [
      `${topic}: ${plural(withoutHeaders, 'record')} without such headers, written by others: passed over`,
    ]
  })
  const isAtEnd = toldBy === 'timestamps' && report.rows.some(({ how }) => how === 'end')
  return isAtEnd ? [...notes, END_BY_TIME] : notes
}

/** What is known of which groups. */
export function groupsAsOf({ backupId, commit, document, groups }: KnownGroups): string {
  if (!document) return `Backup ${backupId} knows no consumer groups as of commit ${commit}`
  const read = `read ${formatTime(document.readAtMs)} from cluster ${document.clusterId}`
  return `${plural(groups.length, 'consumer group')} as of commit ${commit}, ${read}`
}

function verdictOf({ rows }: OffsetReport): string {
  const count = (wanted: (row: ReportRow) => boolean) =>
    new Set(
      rows.filter(wanted).map(({ group, topic, partition }) => JSON.stringify([group, topic, partition])),
    ).size
  const mapped = count(({ how, sourceOffset }) => how !== 'unmapped' && sourceOffset !== null)
  const lost = count(({ how }) => how === 'unmapped')
  const repeats = repeatsOf(rows)
  const most = rows.some(({ isRepeatsAtMost }) => isRepeatsAtMost) ? 'at most ' : ''
  const again = repeats === 0n ? 'nothing read again' : `${most}${plural(repeats, 'record')} read again`
  return `${plural(mapped, 'offset')} mapped: nothing skipped, ${again} · ${formatCount(lost)} not mapped`
}

/** Of a target partition all rows of a group say the same. */
function repeatsOf(rows: readonly ReportRow[]): bigint {
  const byLane = new Map(
    rows.map(({ group, target, repeats }) => [`${target?.topic}/${target?.partition} ${group}`, repeats]),
  )
  return [...byLane.values()].reduce((sum, repeats) => sum + repeats, 0n)
}

function rowTable(rows: readonly ReportRow[]): string {
  const hasRepeats = rows.some(({ repeats }) => repeats > 0n)
  return renderTable(
    [
      { title: 'group' },
      { title: 'source' },
      { title: 'committed', isNumeric: true },
      { title: 'target' },
      { title: 'offset', isNumeric: true },
      ...(hasRepeats ? [{ title: 'read again', isNumeric: true }] : []),
      { title: 'how' },
    ],
    rows.map((row) => [
      shownName(row.group),
      `${row.topic}/${row.partition}`,
      row.sourceOffset?.toString() ?? '–',
      row.target ? `${row.target.topic}/${row.target.partition}` : '–',
      row.targetOffset?.toString() ?? '–',
      ...(hasRepeats ? [`${row.isRepeatsAtMost ? '≤ ' : ''}${formatCount(row.repeats)}`] : []),
      row.reason === null ? row.how.replaceAll('_', ' ') : REASONS[row.reason],
    ]),
  )
}

/** The rows for programs that read lines. */
export function reportCsv({ rows }: OffsetReport): string {
  return renderCsv(
    [
      ...['group', 'source_topic', 'source_partition', 'source_offset'],
      ...['target_topic', 'target_partition', 'target_offset', 'how', 'reason', 'repeats', 'repeats_at_most'],
    ],
    rows.map(({ group, topic, partition, sourceOffset, target, targetOffset, ...row }) => [
      ...[group, topic, partition, sourceOffset, target?.topic ?? null, target?.partition ?? null],
      ...[targetOffset, row.how, row.reason, row.repeats, String(row.isRepeatsAtMost)],
    ]),
  )
}

/** The same as JSON. */
export function reportDocument(known: KnownGroups, { toldBy, shown, clusterId, report, counts }: ToldReport) {
  return {
    kind: 'offset_report',
    version: 1,
    ...knownDocument(known),
    told_by: toldBy,
    target_cluster_id: clusterId,
    restore: shown && restoreDocument(shown),
    repeats: repeatsOf(report.rows),
    repeats_at_most: report.rows.some(({ isRepeatsAtMost }) => isRepeatsAtMost),
    offsets: report.rows.map((row) => ({
      group: row.group,
      source_topic: row.topic,
      source_partition: row.partition,
      source_offset: row.sourceOffset,
      target_topic: row.target?.topic ?? null,
      target_partition: row.target?.partition ?? null,
      target_offset: row.targetOffset,
      how: row.how,
      reason: row.reason,
      repeats: row.repeats,
      repeats_at_most: row.isRepeatsAtMost,
    })),
    headers: [...counts].map(([topic, { withHeaders, withoutHeaders }]) => ({
      topic,
      records_with: withHeaders,
      records_without: withoutHeaders,
    })),
    without_offsets: report.withoutOffsets,
    carried_over: report.carried.map(carriedDocument),
  }
}

function restoreDocument({ ledger }: NonNullable<ToldReport['shown']>) {
  return {
    restore_id: ledger.restoreId,
    ...standingDocument(ledger),
    cluster_id: ledger.opened.clusterId,
    commit: ledger.opened.commit,
  }
}

/** Which groups a document is about. */
export function knownDocument({ backupId, commit, document }: KnownGroups) {
  return {
    backup_id: backupId,
    commit,
    source_cluster_id: document?.clusterId ?? null,
    read_at: document && formatTime(document.readAtMs),
  }
}
