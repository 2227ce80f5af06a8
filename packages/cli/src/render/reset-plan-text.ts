import type { LeftAsIs, ResetPlan, ResetStrategy } from '@kafka-backup/core'
import type { KnownPlan } from '../read-reset-plan.ts'
import { renderCsv } from './csv.ts'
import { carriedDocument, carriedText, groupsAsOf, knownDocument, toldText } from './offset-report-text.ts'
import { shownName } from './shown-name.ts'
import { renderTable } from './table.ts'
import { formatTime, plural } from './units.ts'

const REASONS: Readonly<Record<string, string>> = {
  no_name: "its name is empty, which Kafka's tool does not take",
  no_word: 'its name has a NUL, which no script can say',
  share_group: 'kafka-share-groups is for share groups',
  streams_group: 'kafka-streams-groups is for streams groups',
  no_offsets: 'it had committed nothing',
  unread: 'its offsets could not be read',
  not_restored: 'not part of the restore',
  other_history: 'of another history of the partition',
  nothing_written: 'nothing was written for it',
  unfinished: 'the restore has not come so far',
  no_topic: 'the cluster has no such topic',
  no_headers: 'records of the copy have no header x-original-offset',
  append_times: 'the copy has times of arrival (message.timestamp.type)',
}

/** What would be set, for people. */
export function planText({ known, told, plan }: KnownPlan): string {
  const head = told ? [toldText(told)] : []
  return [
    ...head,
    groupsAsOf(known),
    strategyText(plan.strategy),
    '',
    planTable(plan),
    ...(plan.carried.length === 0 ? [] : ['', ...plan.carried.map(carriedText)]),
    ...leftTexts(plan.left),
  ].join('\n')
}

/** `Sets every partition to its first record` */
export function strategyText(strategy: ResetStrategy): string {
  switch (strategy.kind) {
    case 'from_mapping':
      return 'To set: where the restore put the record that each group wanted next'
    case 'as_of':
      return 'To set: what each group had committed, with the same names and offsets'
    case 'to_earliest':
      return 'To set: the first record of each partition'
    case 'to_latest':
      return 'To set: the end of each partition'
    case 'to_offset':
      return `To set: offset ${strategy.offset} in each partition`
    case 'to_timestamp':
      return `To set: the first record of ${formatTime(strategy.timestampMs)} or later in each partition`
  }
}

function planTable({ groups }: ResetPlan): string {
  if (groups.length === 0) return 'There is nothing to set.'
  const columns = [{ title: 'group' }, { title: 'target' }, { title: 'offset', isNumeric: true }]
  const rows = groups.flatMap(({ group, topics, offsets }) =>
    offsets === null
      ? topics.map((topic) => [shownName(group), topic, '–'])
      : offsets.map((own) => [shownName(group), `${own.topic}/${own.partition}`, own.offset.toString()]),
  )
  return renderTable(columns, rows)
}

/** What is left as it is, one line each. */
export function leftTexts(left: readonly LeftAsIs[]): string[] {
  if (left.length === 0) return []
  const lines = left.map(({ group, place, reason }) => {
    const where = place ? ` ${place.topic}/${place.partition}` : ''
    return `  ${shownName(group)}${where}: ${REASONS[reason] ?? reason}`
  })
  return ['', `Left as it is, ${plural(left.length, 'entry').replace('entrys', 'entries')}:`, ...lines]
}

/** For programs that read lines; Kafka's tool reads the same with `--from-file`, without the titles. */
export function planCsv({ groups }: ResetPlan): string {
  return renderCsv(
    ['group', 'topic', 'partition', 'offset'],
    groups.flatMap(({ group, topics, offsets }): (string | number | bigint | null)[][] =>
      offsets === null
        ? topics.map((topic) => [group, topic, null, null])
        : offsets.map((own) => [group, own.topic, own.partition, own.offset]),
    ),
  )
}

/** The same as JSON. */
export function planDocument({ known, shown, told, plan }: KnownPlan) {
  const { strategy, groups, left, carried } = plan
  return {
    kind: 'offset_reset_plan',
    version: 1,
    ...knownDocument(known),
    restore_id: shown?.ledger.restoreId ?? null,
    told_by: told?.toldBy ?? null,
    strategy: strategy.kind,
    to:
      strategy.kind === 'to_offset'
        ? strategy.offset
        : strategy.kind === 'to_timestamp'
          ? formatTime(strategy.timestampMs)
          : null,
    groups,
    left,
    carried_over: carried.map(carriedDocument),
    repeats: strategy.kind === 'from_mapping' && told ? repeatsByGroup(told.report.rows) : null,
  }
}

function repeatsByGroup(rows: NonNullable<KnownPlan['told']>['report']['rows']) {
  const byLane = new Map(
    rows.flatMap(({ group, target, repeats, isRepeatsAtMost }) => {
      const own = { group, ...target, records: repeats, at_most: isRepeatsAtMost }
      return target ? [[JSON.stringify([group, target]), own] as const] : []
    }),
  )
  return [...byLane.values()].filter(({ records }) => records > 0n)
}
