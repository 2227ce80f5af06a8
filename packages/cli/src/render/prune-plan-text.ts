import type { PreparedPrune } from '@kafka-backup/core'
import { byCommit } from '@kafka-backup/core/repository'
import { historyLabel } from './history-text.ts'
import { renderTable } from './table.ts'
import { formatBytes, formatCount, formatDuration, formatTime, plural } from './units.ts'

type Pins = PreparedPrune['pins']
type Plan = PreparedPrune['plan']
type Pinned = PreparedPrune['freed']['pinned']

/** What surrounds a plan that is shown. */
export interface PlanPlace {
  readonly location: string
  readonly nowMs: number
}

/** What `--dry-run` prints, and what somebody sees who is asked. */
export function prunePlanText(prepared: PreparedPrune, { nowMs }: PlanPlace): string {
  const { plan, freed, pins, request } = prepared
  const { graceMs } = request
  const due = freed.due.reduce((sum, { bytes }) => sum + bytes, 0)
  return [
    `Prune of ${plan.backupId} (commit ${plan.commit}): ${plural(plan.segments, 'segment')}, ${plural(plan.records, 'record')}, ${formatBytes(plan.storedBytes)} of ${formatBytes(plan.heldBytes)}`,
    ...(plan.entries.length > 0 ? [planTable(prepared)] : []),
    ...(plan.documents.length > 0 ? [`  and ${documentsText(plan)}`] : []),
    ...(isEmpty(plan) ? ['  nothing goes'] : []),
    ...(plan.segments > 0 && plan.prunedUntilMs !== null && plan.prunedUntilMs >= 0n
      ? [`  whole from ${formatTime(plan.prunedUntilMs + 1n)} on, by the newest record that goes`]
      : []),
    ...(request.maxBytes !== null && plan.leftBytes > request.maxBytes
      ? [`  ${formatBytes(plan.leftBytes)} are left, which is more than was asked for: the rest has to stay`]
      : []),
    ...(plan.compactedTopics.length > 0
      ? [
          `  left alone because compacted: ${plan.compactedTopics.join(', ')} (--compacted takes from them too)`,
        ]
      : []),
    ...(!isEmpty(plan)
      ? [
          graceMs === 0
            ? '  deleted at once (--grace 0)'
            : `  deleted by the first prune after ${formatDuration(graceMs)} of grace`,
        ]
      : []),
    `Taken out earlier: ${plural(freed.due.length, 'object')} (${formatBytes(due)}) to delete now`,
    ...waitingLines(freed.waiting, graceMs, nowMs),
    ...pinLines(freed.pinned, pins),
  ].join('\n')
}

function isEmpty({ entries, documents }: Plan): boolean {
  return entries.length + documents.length === 0
}

/** `14 documents (groups 12, topics 2), 3.1 MB` */
export function documentsText({ documents }: Pick<Plan, 'documents'>): string {
  const kinds = documentKinds(documents).map(({ kind, objects }) => `${kind} ${formatCount(objects)}`)
  const bytes = documents.reduce((sum, { bytes: own }) => sum + own, 0)
  return `${plural(documents.length, 'document')} (${kinds.join(', ')}), ${formatBytes(bytes)}`
}

function documentKinds(documents: Plan['documents']) {
  return [...Map.groupBy(documents, ({ kind }) => kind)].sort().map(([kind, own]) => ({
    kind,
    objects: own.length,
    bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
  }))
}

function planTable({ plan, state }: PreparedPrune): string {
  return renderTable(
    [
      { title: '  partition' },
      { title: 'offsets' },
      { title: 'records', isNumeric: true },
      { title: 'size', isNumeric: true },
      { title: 'newest record' },
      { title: 'left from' },
    ],
    plan.entries.map(({ range }) => [
      `  ${historyLabel(range)}`,
      `${range.firstOffset}-${range.endOffset - 1n}`,
      formatCount(range.records),
      formatBytes(range.storedBytes),
      formatTime(range.maxTimestampMs),
      state.histories(range.topic, range.partition).at(-1)?.lineage === range.lineage
        ? `${range.endOffset}`
        : '–',
    ]),
  )
}

/** What waits for its grace, by the commit that took it out. */
export function waitingLines(
  waiting: PreparedPrune['freed']['waiting'],
  graceMs: number,
  nowMs?: number,
): string[] {
  return byCommit(waiting).map(({ commit, objects, bytes, freedAtMs }) => {
    const dueMs = freedAtMs + graceMs
    const left = nowMs === undefined || dueMs <= nowMs ? '' : `, in ${formatDuration(dueMs - nowMs)}`
    return `  ${plural(objects, 'object')} of commit ${commit} (${formatBytes(bytes)}) can go from ${formatTime(dueMs)} on${left}`
  })
}

/** Which restore holds what, and how that ends. */
export function pinLines(pinned: Pinned, { damaged }: Pins): string[] {
  const lines = [...Map.groupBy(pinned, ({ pin }) => pin)].map(([pin, own]) => {
    const bytes = own.reduce((sum, { object }) => sum + object.bytes, 0)
    return `  ${plural(own.length, 'object')} (${formatBytes(bytes)}) are held by restore ${pin.restoreId} into cluster ${pin.clusterId}, which reads commit ${pin.commit}; begun ${formatTime(pin.openedAtMs)}, its last entry is of ${formatTime(pin.lastEntryMs)}\n    go on with it: the same restore command with --resume · end it: prune --release-restore ${pin.restoreId}`
  })
  return [
    ...lines,
    ...damaged.map(
      (id) => `  restore ${id} has a damaged ledger: nobody can go on with it, it holds nothing`,
    ),
  ]
}

/** The plan for programs. */
export function prunePlanDocument({ plan, freed, pins, request }: PreparedPrune, { location }: PlanPlace) {
  return {
    kind: 'prune_plan',
    version: 1,
    location,
    backup_id: plan.backupId,
    commit: plan.commit,
    ...planDocument(plan),
    grace_ms: request.graceMs,
    deletable: { objects: freed.due.length, bytes: freed.due.reduce((sum, { bytes }) => sum + bytes, 0) },
    waiting: waitingDocument(freed.waiting, request.graceMs),
    pinned: pinnedDocument(freed.pinned),
    damaged_ledgers: pins.damaged,
  }
}

/** What a plan takes out. */
export function planDocument(plan: Plan) {
  return {
    segments: plan.segments,
    records: plan.records,
    stored_bytes: plan.storedBytes,
    held_bytes: plan.heldBytes,
    left_bytes: plan.leftBytes,
    pruned_until: plan.prunedUntilMs,
    documents: documentKinds(plan.documents),
    compacted_topics: plan.compactedTopics,
    partitions: plan.entries.map(({ range, segments }) => ({
      topic: range.topic,
      partition: range.partition,
      lineage: range.lineage,
      first_offset: range.firstOffset,
      end_offset: range.endOffset,
      segments,
      records: range.records,
      stored_bytes: range.storedBytes,
      min_timestamp: range.minTimestampMs,
      max_timestamp: range.maxTimestampMs,
    })),
  }
}

/** What waits, for programs. */
export function waitingDocument(waiting: PreparedPrune['freed']['waiting'], graceMs: number) {
  return byCommit(waiting).map(({ commit, objects, bytes, freedAtMs }) => ({
    commit,
    objects,
    bytes,
    deletable_at: formatTime(freedAtMs + graceMs),
  }))
}

/** What restores hold, for programs. */
export function pinnedDocument(pinned: Pinned) {
  return [...Map.groupBy(pinned, ({ pin }) => pin)].map(([pin, own]) => ({
    restore_id: pin.restoreId,
    commit: pin.commit,
    target_cluster_id: pin.clusterId,
    opened_at: formatTime(pin.openedAtMs),
    last_entry_at: formatTime(pin.lastEntryMs),
    objects: own.length,
    bytes: own.reduce((sum, { object }) => sum + object.bytes, 0),
  }))
}
