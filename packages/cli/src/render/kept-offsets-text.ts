import type { RestoreReport, TargetPlan } from '@kafka-backup/core'
import { formatDuration, plural } from './units.ts'

type Room = NonNullable<TargetPlan['offsets']>
type Filled = NonNullable<RestoreReport['filledOffsets']>

const METHODS = { markers: 'transaction markers', transactions: 'empty transactions' } as const

/** What a restore that keeps offsets does beside writing records. */
export function roomLine({ method, fillerOffsets, gapOffsets, estimatedMs }: Room): string {
  const skipped =
    fillerOffsets === 0n
      ? []
      : [`${count(fillerOffsets)} below the first record by filler that is deleted again`]
  const holes = gapOffsets === 0n ? [] : [`up to ${count(gapOffsets)} without a record by ${METHODS[method]}`]
  const parts = [...skipped, ...holes]
  if (parts.length === 0) return 'every record keeps its offset'
  return `every record keeps its offset: ${parts.join(', ')} (about ${formatDuration(estimatedMs)})`
}

/** What took the offsets that no record has. */
export function keptOffsetsLine({ filler, markers, transactions }: Filled): string {
  const taken = [
    ...(filler > 0 ? [`${plural(filler, 'offset')} by filler that was deleted again`] : []),
    ...(markers > 0 ? [`${plural(markers, 'offset')} by transaction markers`] : []),
    ...(transactions > 0 ? [`${plural(transactions, 'offset')} by empty transactions`] : []),
  ]
  return `every record kept its offset${taken.length > 0 ? `; this run took ${taken.join(', ')}` : ''}`
}

/** For programs. */
export function roomDocument(room: Room | null) {
  return (
    room && {
      method: room.method,
      filler_offsets: room.fillerOffsets,
      max_gap_offsets: room.gapOffsets,
      estimated_duration_ms: Math.round(room.estimatedMs),
    }
  )
}

function count(offsets: bigint): string {
  return `${offsets.toLocaleString('en-US')} offset${offsets === 1n ? '' : 's'}`
}
