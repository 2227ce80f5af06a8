import type { ClusterComparison, ClusterDifference, ClusterView, NotCompared } from '@kafka-backup/core'
import { aclFields } from '@kafka-backup/core/repository'
import { aclText, entityText } from './cluster-text.ts'
import { shownName } from './shown-name.ts'
import { renderTable } from './table.ts'
import { formatTime, plural } from './units.ts'

/** One of the two that are compared. */
export interface ComparedSide {
  readonly view: ClusterView
  /** null: the cluster as it is now. */
  readonly commit: bigint | null
  /** When the cluster was asked; null: nobody did. */
  readonly readAtMs: bigint | null
}

/** A comparison and its two sides. */
export interface ShownComparison {
  readonly backupId: string
  readonly before: ComparedSide
  readonly after: ComparedSide
  readonly comparison: ClusterComparison
}

const REMARKS = { cluster_id: 'cluster', broker: 'broker', feature: 'feature' } as const
const PARTS = { topics: 'Topics', acls: 'ACLs', quotas: 'Client quotas', scram_users: 'SCRAM users' } as const

/** What `diff` prints. */
export function comparisonText({ backupId, before, after, comparison }: ShownComparison): string {
  const { differences, notCompared, remarks } = comparison
  const sides = { before: titleOf(before), after: titleOf(after) }
  const columns = [{ title: 'what' }, { title: '' }, { title: sides.before }, { title: sides.after }]
  const rowOf = (what: string, name: string, values: Values) => [
    what,
    name,
    shown(values.before),
    shown(values.after),
  ]
  const changed = differences.map((entry) =>
    rowOf(entry.part.replaceAll('_', ' '), subjectText(entry), entry),
  )
  const other = remarks.map((entry) => rowOf(REMARKS[entry.part], shownName(entry.name || 'id'), entry))
  return [
    `Backup ${backupId}: ${placeOf(before)} compared with ${placeOf(after)}`,
    ...(changed.length > 0 ? ['', renderTable(columns, changed)] : []),
    ...(other.length > 0 ? ['', 'Not counted as differences:', renderTable(columns, other)] : []),
    ...(notCompared.length > 0 ? ['', ...notCompared.map((entry) => notComparedText(entry, sides))] : []),
    '',
    verdictText(comparison),
  ].join('\n')
}

type Values = { readonly before: string | null; readonly after: string | null }

function shown(value: string | null): string {
  return value === null ? '–' : value === '' ? '""' : shownName(value)
}

function titleOf({ commit }: ComparedSide): string {
  return commit === null ? 'now' : `commit ${commit}`
}

function placeOf({ commit, view, readAtMs }: ComparedSide): string {
  if (commit === null) return `cluster ${view.clusterId} now`
  return `commit ${commit} (${readAtMs === null ? 'no run has described the cluster' : `read ${formatTime(readAtMs)}`})`
}

function subjectText(entry: ClusterDifference): string {
  switch (entry.part) {
    case 'topic':
    case 'partitions':
    case 'replication_factor':
      return entry.topic
    case 'setting':
      return `${entry.topic} ${shownName(entry.setting)}`
    case 'acl':
      return aclText(entry.acl)
    case 'quota':
      return `${entityText(entry.quota.entity)} ${shownName(entry.quota.key)}`
    case 'scram_user':
      return `${shownName(entry.user)} ${entry.mechanism} (iterations)`
  }
}

function notComparedText(
  { part, topic, side, reason }: NotCompared,
  sides: Readonly<Record<'before' | 'after', string>>,
): string {
  const what = topic === null ? PARTS[part] : `Settings of ${topic}`
  const why = reason === 'NOT_CAPTURED' ? 'not captured' : `not read (${reason})`
  return `${what} not compared: ${why}, ${sides[side]}`
}

function verdictText({ verdict, differences, compared, notCompared }: ClusterComparison): string {
  const { topics, acls, quotas, scramUsers } = compared
  const what = [
    plural(topics, 'topic'),
    plural(acls, 'ACL'),
    plural(quotas, 'client quota'),
    plural(scramUsers, 'SCRAM credential'),
  ].join(', ')
  if (verdict === 'equal') return `Equal       ${what}`
  if (verdict === 'differs') return `Differs     ${plural(differences.length, 'difference')} · of ${what}`
  return `Incomplete  nothing differs of ${what} · ${plural(notCompared.length, 'thing')} not compared`
}

/** The same for programs. */
export function comparisonDocument({ backupId, before, after, comparison }: ShownComparison) {
  const side = ({ view, commit, readAtMs }: ComparedSide) => ({
    commit,
    cluster_id: view.clusterId,
    read_at: readAtMs === null ? null : formatTime(readAtMs),
  })
  const { topics, acls, quotas, scramUsers } = comparison.compared
  return {
    kind: 'cluster_comparison',
    version: 1,
    backup_id: backupId,
    before: side(before),
    after: side(after),
    verdict: comparison.verdict,
    differences: comparison.differences.map(differenceDocument),
    not_compared: comparison.notCompared.map(({ part, topic, side: of, reason }) => ({
      part,
      topic,
      side: of,
      reason,
    })),
    remarks: comparison.remarks.map(({ part, name, ...values }) => ({ part, name, ...values })),
    compared: { topics, acls, quotas, scram_users: scramUsers },
  }
}

function differenceDocument(entry: ClusterDifference) {
  if (entry.part === 'acl') return { ...entry, acl: aclFields(entry.acl) }
  return { ...entry }
}
