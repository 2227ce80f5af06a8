import type { PartitionReading } from '@kafka-backup/core'
import { gapDocument } from './backup-text.ts'
import { prunedExtentDocument } from './history-text.ts'
import { lackText } from './lack-text.ts'
import { renderTable } from './table.ts'
import { formatCount, plural } from './units.ts'

/** How many records a partition has. */
export interface PartitionCount {
  readonly reading: PartitionReading
  readonly records: number
}

/** What `count` found. */
export interface RecordCount {
  readonly backupId: string
  readonly commit: bigint
  readonly counts: readonly PartitionCount[]
}

/** For people. */
export function recordCountText({ backupId, commit, counts }: RecordCount): string {
  const rows = counts.map(({ reading: { topic, partition }, records }) => [
    `${topic}/${partition}`,
    formatCount(records),
  ])
  return [
    renderTable([{ title: 'partition' }, { title: 'records', isNumeric: true }], rows),
    ...counts.flatMap(({ reading }) => reading.lacks.map(lackText)),
    `${plural(sumOf(counts), 'record')} in ${plural(counts.length, 'partition')} of ${backupId} (commit ${commit})`,
  ].join('\n')
}

/** For programs. */
export function recordCountDocument({ backupId, commit, counts }: RecordCount) {
  const lacks = counts.flatMap(({ reading }) => reading.lacks)
  return {
    kind: 'record_count',
    version: 1,
    backup_id: backupId,
    commit,
    records: sumOf(counts),
    partitions: counts.map(({ reading: { topic, partition, history }, records }) => ({
      topic,
      partition,
      lineage: history.lineage,
      records,
    })),
    gaps: lacks.flatMap((lack) => (lack.kind === 'gap' ? [gapDocument(lack.gap)] : [])),
    pruned: lacks.flatMap((lack) => (lack.kind === 'pruned' ? [prunedExtentDocument(lack.extent)] : [])),
  }
}

function sumOf(counts: readonly PartitionCount[]): number {
  return counts.reduce((sum, { records }) => sum + records, 0)
}
