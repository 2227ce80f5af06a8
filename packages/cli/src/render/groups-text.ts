import type {
  BackupState,
  GroupCommitReport,
  GroupRecord,
  GroupsDocument,
  GroupsReport,
} from '@kafka-backup/core'
import { quotedText, shownName } from './shown-name.ts'
import { renderTable } from './table.ts'
import { formatCount, formatTime, plural } from './units.ts'

type Unread = Pick<GroupsReport, 'failure' | 'unread' | 'silentBrokers'>

/** Groups that are named in one line. */
const NAMED_MAX = 10
const STATES_WITHOUT_MEMBERS: ReadonlySet<string> = new Set(['Empty', 'Dead', 'Absent'])

/** One line: how many were read. */
export function groupsLine({ groups, offsets, failure }: GroupsReport): string {
  if (failure !== null) return 'consumer groups were not stored'
  return `${plural(groups, 'consumer group')}, ${plural(offsets, 'committed offset')}`
}

/** What could not be read, one line each. */
export function unreadGroupsTexts({ failure, unread, silentBrokers }: Unread): string[] {
  const named = unread.slice(0, NAMED_MAX).map(({ group, reason }) => `${quotedText(group)} (${reason})`)
  const more = unread.length > named.length ? ` and ${formatCount(unread.length - named.length)} more` : ''
  const brokers = silentBrokers.map(({ broker, reason }) => `${broker} (${reason})`)
  return [
    ...(failure === null ? [] : [`Consumer groups were not stored: ${failure}`]),
    ...(unread.length === 0
      ? []
      : [
          `Committed offsets not read of ${plural(unread.length, 'consumer group')}, what was known of them is kept: ${named.join(', ')}${more}`,
        ]),
    ...(brokers.length === 0 ? [] : [`Consumer groups not listed by ${brokers.join(', ')}`]),
  ]
}

/** The same for programs. */
export function groupsReportDocument(report: GroupsReport) {
  return {
    groups: report.groups,
    offsets: report.offsets,
    read_at: formatTime(report.readAtMs),
    unread: report.unread,
    silent_brokers: report.silentBrokers,
    failure: report.failure,
  }
}

/** What `snapshot-groups` did. */
export function groupCommitText(report: GroupCommitReport): string {
  const word = report.unread.length + report.silentBrokers.length === 0 ? 'Complete' : 'Incomplete'
  const where = report.isWritten
    ? `commit ${report.commit} of backup ${report.backupId}`
    : report.groups === 0
      ? 'there is none, and nothing was written'
      : 'nothing has changed, and nothing was written'
  const lines = [
    `${word.padEnd(12)}${groupsLine(report)} · cluster ${report.clusterId} · ${where}`,
    ...unreadGroupsTexts(report).map((line) => `            ${line}`),
  ]
  return lines.join('\n')
}

/** The same for programs. */
export function groupCommitDocument(report: GroupCommitReport) {
  return {
    kind: 'group_snapshot',
    version: 1,
    backup_id: report.backupId,
    cluster_id: report.clusterId,
    commit: report.commit,
    written: report.isWritten,
    ...groupsReportDocument(report),
  }
}

/** The groups as of a commit. */
export function groupsText(state: BackupState, document: GroupsDocument | null): string {
  if (!document)
    return `Backup ${state.backupId} knows no consumer groups as of commit ${state.tip?.number ?? 0n}`
  const { groups, readAtMs } = document
  const offsets = groups.reduce((sum, entry) => sum + entry.offsets.length, 0)
  const head = [
    `Consumer groups of backup ${state.backupId} as of commit ${state.tip?.number ?? 0n}`,
    `  cluster  ${document.clusterId}`,
    `  read     ${formatTime(readAtMs)}`,
    `  groups   ${formatCount(groups.length)}, with ${plural(offsets, 'committed offset')}`,
    '',
    groupTable(groups),
  ]
  const hasOffsets = offsets > 0
  return [...head, ...(hasOffsets ? ['', offsetTable(state, groups)] : [])].join('\n')
}

function groupTable(groups: readonly GroupRecord[]): string {
  const isLate = groups.some(({ unread }) => unread !== undefined)
  return renderTable(
    [
      { title: 'group' },
      { title: 'type' },
      { title: 'state' },
      { title: 'members', isNumeric: true },
      { title: 'offsets', isNumeric: true },
      ...(isLate ? [{ title: 'offsets read' }, { title: 'unread' }] : []),
    ],
    groups.map((entry) => [
      shownName(entry.group),
      entry.type,
      entry.state,
      membersText(entry),
      formatCount(entry.offsets.length),
      ...(isLate ? [formatTime(entry.readAtMs), entry.unread ?? ''] : []),
    ]),
  )
}

function membersText(entry: GroupRecord): string {
  const members = toldMembers(entry)
  return members === null ? '–' : formatCount(members)
}

/** null: nobody told. A group is in one of the other states because it has members. */
function toldMembers({ members, state }: GroupRecord): number | null {
  return members === 0 && !STATES_WITHOUT_MEMBERS.has(state) ? null : members
}

function offsetTable(state: BackupState, groups: readonly GroupRecord[]): string {
  const rows = groups.flatMap(({ group, offsets }) =>
    offsets.map((entry) => [
      shownName(group),
      `${entry.topic}/${entry.partition}`,
      entry.offset.toString(),
      state.partition(entry.topic, entry.partition)?.nextOffset.toString() ?? '–',
      entry.metadata === '' ? '' : quotedText(entry.metadata),
    ]),
  )
  return renderTable(
    [
      { title: 'group' },
      { title: 'partition' },
      { title: 'committed', isNumeric: true },
      { title: 'backup ends', isNumeric: true },
      { title: 'metadata' },
    ],
    rows,
  )
}

/** The same for programs. `backup_next_offset`: where the backup ends; null: it does not have the partition. */
export function groupsDocument(state: BackupState, document: GroupsDocument | null) {
  return {
    kind: 'consumer_groups',
    version: 1,
    backup_id: state.backupId,
    commit: state.tip?.number ?? 0n,
    cluster_id: document?.clusterId ?? null,
    read_at: document && formatTime(document.readAtMs),
    groups: (document?.groups ?? []).map((entry) => ({
      group: entry.group,
      type: entry.type,
      protocol_type: entry.protocolType,
      state: entry.state,
      members: toldMembers(entry),
      read_at: formatTime(entry.readAtMs),
      unread: entry.unread ?? null,
      offsets: entry.offsets.map(({ topic, partition, offset, leaderEpoch, metadata }) => ({
        topic,
        partition,
        offset,
        leader_epoch: leaderEpoch,
        metadata,
        backup_next_offset: state.partition(topic, partition)?.nextOffset ?? null,
      })),
    })),
  }
}
