import type { RunEvent } from '@kafka-backup/core'
import type { Command } from '../command.ts'
import { divergenceText, gapReasonText, unreadText } from './history-text.ts'
import { formatDuration, formatTime, plural } from './units.ts'

const STOPPING: Readonly<Record<Command['verb'], string>> = {
  backup: ': what was read so far is being committed.',
  restore: ': what is under way is being committed.',
  read: '.',
}

type EventOf<Type extends RunEvent['type']> = Extract<RunEvent, { readonly type: Type }>

/** What an event says to whoever watches a run, in one line; undefined when it says nothing to them. */
export function eventText(event: RunEvent, verb: Command['verb']): string | undefined {
  switch (event.type) {
    case 'gap_declared':
      return gapText(event)
    case 'divergence_declared':
      return `New history: ${divergenceText(event)}`
    case 'partition_unread':
      return unreadText(event)
    case 'deletion_near':
      return deletionText(event)
    case 'transaction_blocks':
      return transactionText(event)
    case 'retry_scheduled':
      return `Retrying ${event.what} (attempt ${event.attempt}): ${event.reason}`
    case 'store_availability':
      return availabilityText(event)
    case 'lease_watched':
      return `Another run may be at work on this backup: process ${event.processId} on ${event.host}. Watching its lease for up to ${formatDuration(event.forMs)}.`
    case 'lease_unavailable':
      return `No lease: ${event.reason}. A second run of this backup is noticed only when both want to commit.`
    case 'left_behind':
      return `Left behind in ${event.location}: ${event.what}. Nothing reads it; a rule for unfinished uploads removes it.`
    case 'stop_requested':
      return `Stopping${STOPPING[verb]} Press Ctrl-C again to stop at once.`
    default:
      return undefined
  }
}

function availabilityText({ state, retryInMs, reason }: EventOf<'store_availability'>): string | undefined {
  if (state === 'closed') return 'The store answers again.'
  // A try that nobody made is taken back; nothing has to be waited for.
  if (state === 'trying' || reason === '') return undefined
  return `The store does not answer; trying again in ${formatDuration(retryInMs)}: ${reason}`
}

function gapText(gap: EventOf<'gap_declared'>): string {
  const { topic, partition, firstOffset, endOffset } = gap
  return `Gap: ${topic}/${partition} offsets ${firstOffset}-${endOffset - 1n} were ${gapReasonText(gap)}`
}

function deletionText(event: EventOf<'deletion_near'>): string {
  const left = formatDuration(event.secondsLeft * 1_000)
  return `Deletion is near: ${event.topic}/${event.partition} is deleted on the source ${plural(event.marginOffsets, 'offset')} behind this run, which it reaches in about ${left}. Raise retention.ms of the topic, or back up fewer topics at a time.`
}

function transactionText(event: EventOf<'transaction_blocks'>): string {
  const id = event.transactionalId === null ? '' : ` (transactional.id ${event.transactionalId})`
  const since = event.sinceMs === null ? '' : ` since ${formatTime(event.sinceMs)}`
  return `Waiting for a transaction: ${event.topic}/${event.partition} from offset ${event.firstOffset} is held back by producer ${event.producerId}${id}${since}`
}
