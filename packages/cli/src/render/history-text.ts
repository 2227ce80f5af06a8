import type { BackupReport, PrunedExtent } from '@kafka-backup/core'
import { formatTime } from './units.ts'

type DivergenceRecord = BackupReport['divergences'][number]
type UnreadRecord = BackupReport['unread'][number]

/** `orders/3`, and the number of the history when it is not the first. */
export function historyLabel(entry: {
  readonly topic: string
  readonly partition: number
  readonly lineage?: number | undefined
}): string {
  const name = `${entry.topic}/${entry.partition}`
  return (entry.lineage ?? 1) > 1 ? `${name} (history ${entry.lineage})` : name
}

/** Offsets [first, end) as people read them. */
export function offsetRange(firstOffset: bigint, endOffset: bigint): string {
  if (endOffset <= firstOffset) return `from offset ${firstOffset}`
  const lastOffset = endOffset - 1n
  return firstOffset === lastOffset ? `offset ${firstOffset}` : `offsets ${firstOffset}-${lastOffset}`
}

/** Why the offsets of a gap are not in the backup, after "offsets 5-9 were". */
export function gapReasonText(gap: {
  readonly reason: string
  readonly quarantine?: { readonly key: string; readonly detail: string } | undefined
}): string {
  switch (gap.reason) {
    case 'deleted_before_read':
      return 'deleted on the source before they could be read'
    case 'missing_in_log':
      return 'missing in the source log'
    default:
      return `damaged in the source log, and are kept as they came in ${gap.quarantine?.key}: ${gap.quarantine?.detail}`
  }
}

/** What happened to a partition whose source has another history now. */
export function divergenceText(
  entry: Omit<DivergenceRecord, 'reason' | 'topicId'> & { readonly reason: string },
): string {
  const { lineage, reason, beginOffset, commonEndOffset, previousEndOffset } = entry
  const held = `the backup held what is below ${previousEndOffset}`
  const truncatedAt = commonEndOffset === null ? 'at an unknown offset' : `at offset ${commonEndOffset}`
  const known: Readonly<Record<string, string>> = {
    topic_recreated: `the topic was deleted and created again (${held})`,
    log_truncated: `the log was truncated ${truncatedAt} (${held})`,
    log_replaced: `the source holds other batches at offsets that were backed up (${held})`,
  }
  const what = known[reason] ?? `${reason} (${held})`
  return `${entry.topic}/${entry.partition}: ${what}: history ${lineage} begins at offset ${beginOffset}`
}

/** What the backup no longer holds of what a restore reads; `isWanted`: it was asked for. */
export function prunedExtentText(extent: PrunedExtent): string {
  const range = offsetRange(extent.firstOffset, extent.endOffset)
  const until = extent.maxTimestampMs < 0n ? '' : ` (records up to ${formatTime(extent.maxTimestampMs)})`
  const asked = extent.isWanted ? ', and were asked for' : ''
  return `${historyLabel(extent)} ${range} were pruned${until}${asked}`
}

/** The same for programs; `end_offset` is exclusive. */
export function prunedExtentDocument(extent: PrunedExtent) {
  return {
    topic: extent.topic,
    partition: extent.partition,
    lineage: extent.lineage,
    first_offset: extent.firstOffset,
    end_offset: extent.endOffset,
    max_timestamp: extent.maxTimestampMs,
    wanted: extent.isWanted,
  }
}

/** What a run wanted and did not get. */
export function unreadText(
  entry: Pick<UnreadRecord, 'topic' | 'partition' | 'firstOffset' | 'endOffset' | 'detail'>,
): string {
  const range = offsetRange(entry.firstOffset, entry.endOffset)
  return `Not read: ${entry.topic}/${entry.partition} ${range}: ${entry.detail}`
}

/** How to get at the history before the one that commit `sinceCommit` began. */
export function earlierHistoryHint(sinceCommit: bigint): string {
  return sinceCommit > 1n
    ? `restore --as-of-commit ${sinceCommit - 1n} brings back the history before`
    : 'the history before is in the backup too'
}

/** One line for all divergences of a run: what they mean for whoever restores. */
export function keptHistoriesText(divergences: readonly DivergenceRecord[]): string {
  const partitions = new Set(divergences.map((entry) => `${entry.topic}/${entry.partition}`))
  const which = partitions.size === 1 ? 'this partition' : `these ${partitions.size} partitions`
  return `Every history of ${which} is kept. A restore writes the newest; describe says which --as-of-commit brings back the one before.`
}

/** A divergence for programs. */
export function divergenceDocument(entry: DivergenceRecord) {
  return {
    topic: entry.topic,
    partition: entry.partition,
    lineage: entry.lineage,
    reason: entry.reason,
    topic_id: entry.topicId,
    begin_offset: entry.beginOffset,
    common_end_offset: entry.commonEndOffset,
    previous_end_offset: entry.previousEndOffset,
  }
}

/** What was not read, for programs; `end_offset` is exclusive. */
export function unreadDocument(entry: UnreadRecord) {
  return {
    topic: entry.topic,
    partition: entry.partition,
    first_offset: entry.firstOffset,
    end_offset: entry.endOffset,
    reason: entry.reason,
    detail: entry.detail,
  }
}
