import type { LedgerState, LedgerSurvey, MappedRun } from '@kafka-backup/core'
import type { ShownRestore } from '../restored-places.ts'
import { errorDocument, renderErrorText } from './error-text.ts'
import { renderTable } from './table.ts'
import { formatTime, plural } from './units.ts'

/** The restores of a backup, oldest first. */
export function restoresText({ ledgers, damaged }: LedgerSurvey): string {
  const lines = damaged.map(({ restoreId, error }) => `Restore ${restoreId}: ${renderErrorText(error)}`)
  if (ledgers.length === 0 && damaged.length > 0) return lines.join('\n')
  return [restoresTable(ledgers), ...lines].join('\n')
}

function restoresTable(ledgers: readonly LedgerState[]): string {
  if (ledgers.length === 0) return 'This backup was never restored.'
  const rows = ledgers.map((ledger) => [
    formatTime(ledger.openedAtMs),
    ledger.restoreId,
    stateOf(ledger),
    String(recordsOf(ledger)),
    `commit ${ledger.opened.commit}`,
    ledger.opened.clusterId,
  ])
  const columns = ['begun', 'restore', 'state', 'records', 'of', 'cluster'].map((title) => ({
    title,
    isNumeric: title === 'records',
  }))
  return renderTable(columns, rows)
}

/** The same for programs. */
export function restoresDocument(backupId: string, { ledgers, damaged }: LedgerSurvey) {
  return {
    kind: 'restores',
    version: 1,
    backup_id: backupId,
    restores: ledgers.map((ledger) => ({
      restore_id: ledger.restoreId,
      state: stateOf(ledger),
      begun_at: ledger.openedAtMs,
      cluster_id: ledger.opened.clusterId,
      commit: ledger.opened.commit,
      mode: ledger.opened.mode,
      records: recordsOf(ledger),
    })),
    damaged: damaged.map(({ restoreId, error }) => ({
      restore_id: restoreId,
      ...errorDocument(error).error,
    })),
  }
}

function stateOf({ finished, isAbandoned }: LedgerState): string {
  if (isAbandoned) return 'abandoned'
  return finished ? finished.outcome : 'unfinished'
}

/** Why no group is to be moved by this map; null: the restore has finished, and its map with it. */
export function unfinishedNote({ finished, isAbandoned }: LedgerState): string | null {
  if (isAbandoned)
    return 'This restore was given up before it had finished: what it wrote may have been deleted or written again by another one. Do not move groups by its map; --list shows the others.'
  if (finished) return null
  return 'This restore has not finished, and its map ends where its ledger does: records that are still to be written have no offset here, and an end may lie before them. Do not move groups by it; finish the restore with --resume first, and ask again.'
}

/** What a program must know of a restore before it believes its map. */
export function standingDocument(ledger: LedgerState) {
  const note = unfinishedNote(ledger)
  return { state: stateOf(ledger), is_final: note === null, note }
}

function recordsOf({ progress }: LedgerState): number {
  return [...progress.values()].reduce((sum, { position }) => sum + Number(position), 0)
}

/** Which restore an answer is about; whoever names none gets the newest. */
export function shownRestoreText({ ledger, isNewest }: ShownRestore): string {
  const { restoreId, opened, openedAtMs } = ledger
  const newest = isNewest ? `, the newest of backup ${opened.backupId}` : ` of backup ${opened.backupId}`
  const note = unfinishedNote(ledger)
  const head = `Restore ${restoreId} (${stateOf(ledger)})${newest}, begun ${formatTime(openedAtMs)}`
  return note === null ? head : `${head}\n${note}`
}

/** Every run in a line. */
export function mapText(shown: ShownRestore, runs: readonly MappedRun[]): string {
  const rows = runs.map((run) => [
    nameOf(run.source),
    rangeOf(run.sourceOffset, run.records),
    nameOf(run.target),
    rangeOf(run.targetOffset, run.records),
  ])
  const columns = ['source', 'offsets', 'target', 'offsets'].map((title) => ({ title }))
  const head = `${plural(runs.length, 'run')} of offsets`
  return `${shownRestoreText(shown)}\n${head}\n${renderTable(columns, rows)}`
}

/** For programs that read lines. Offsets are inclusive. */
export function mapCsv(runs: readonly MappedRun[]): string {
  const head =
    'source_topic,source_partition,source_first_offset,target_topic,target_partition,target_first_offset,records'
  const lines = runs.map(({ source, target, sourceOffset, targetOffset, records }) =>
    [
      source.topic,
      source.partition,
      sourceOffset,
      target.topic,
      target.partition,
      targetOffset,
      records,
    ].join(','),
  )
  return [head, ...lines].join('\n')
}

/** The same as JSON. */
export function mapDocument(ledger: LedgerState, runs: readonly MappedRun[]) {
  return {
    kind: 'offset_map',
    version: 1,
    backup_id: ledger.opened.backupId,
    restore_id: ledger.restoreId,
    ...standingDocument(ledger),
    runs: runs.map((run) => ({
      source_topic: run.source.topic,
      source_partition: run.source.partition,
      lineage: run.source.lineage,
      source_first_offset: run.sourceOffset,
      target_topic: run.target.topic,
      target_partition: run.target.partition,
      target_first_offset: run.targetOffset,
      records: run.records,
    })),
  }
}

function nameOf({ topic, partition }: MappedRun['target']): string {
  return `${topic}/${partition}`
}

function rangeOf(first: bigint, records: number): string {
  return records === 1 ? `${first}` : `${first}-${first + BigInt(records) - 1n}`
}
