import type { Lack } from '@kafka-backup/core'
import { gapReasonText, historyLabel, offsetRange, prunedExtentText } from './history-text.ts'

/** One line for offsets that the backup does not hold. */
export function lackText(lack: Lack): string {
  if (lack.kind === 'pruned') return `Pruned: ${prunedExtentText(lack.extent)}`
  const { gap } = lack
  const range = offsetRange(gap.firstOffset, gap.endOffset)
  return `Gap: ${historyLabel(gap)} ${range} were ${gapReasonText(gap)}`
}
