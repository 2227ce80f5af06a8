import type { RunEvent } from '@kafka-backup/core'
import type { CommandLine } from '../command.ts'
import { clusterReportText } from './cluster-report-text.ts'
import { unreadGroupsTexts } from './groups-text.ts'
import { divergenceText, gapReasonText, unreadText } from './history-text.ts'
import { settingsReportText } from './topic-settings-text.ts'
import { formatDuration, formatTime, plural } from './units.ts'

const STOPPING: Readonly<Record<CommandLine['verb'], string>> = {
  backup: ': what was read so far is being committed.',
  restore: ': what is under way is being committed.',
  groups: '.',
  read: '.',
  status: '.',
  compare: '.',
}

type EventOf<Type extends RunEvent['type']> = Extract<RunEvent, { readonly type: Type }>

/** What an event says to whoever watches a run, in one line; undefined when it says nothing to them. */
export function eventText(event: RunEvent, verb: CommandLine['verb']): string | undefined {
  switch (event.type) {
    case 'gap_declared':
      return gapText(event)
    case 'divergence_declared':
      return `New history: ${divergenceText(event)}`
    case 'partition_unread':
      return unreadText(event)
    case 'partition_joined':
      return `Joined: ${event.topic}/${event.partition} is read from offset ${event.beginOffset} on`
    case 'partition_left':
      return `Left: ${event.topic}/${event.partition} was deleted at the source; nothing that was seen of it is missing`
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
    case 'setting_still_held':
      return heldText(event)
    case 'groups_unread':
      return unreadGroupsTexts(event).join('\n')
    case 'cluster_unread':
      return clusterReportText(event).join('\n')
    case 'log_put_back':
      return putBackText(event)
    case 'offset_state_trouble':
      return offsetStateText(event)
    case 'topic_settings_unread':
      return settingsReportText(event).join('\n')
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

function heldText({ topic, name, held, original }: EventOf<'setting_still_held'>): string {
  const before = original === null ? 'not set before' : `${original} before`
  return `Still held: ${name}=${held} of topic ${topic} (${before}), until this restore ends; --resume goes on with it.`
}

/** For a warning of a run, and of `status`. */
export function putBackText(event: Omit<EventOf<'log_put_back'>, 'type'>): string {
  const { seenCommit, seenAtMs, endCommit } = event
  const end = endCommit === 0n ? 'has no commit' : `ends at commit ${endCommit}`
  const when = formatTime(seenAtMs)
  const what =
    endCommit < seenCommit
      ? `the backup ${end}, and this machine saw commit ${seenCommit} of it on ${when}`
      : `commit ${seenCommit} of the backup is another one than this machine saw on ${when}`
  return `Warning: ${what}. The repository was put back to an earlier state, or is another one. Its commits are what counts: what is behind them is read from the cluster again, as far as the cluster still has it.`
}

function offsetStateText({ where, place, detail }: EventOf<'offset_state_trouble'>): string {
  if (where === 'copy') {
    return `Warning: state/offsets.db could not be written to ${place}: ${detail}. The backup does not need it; sync_interval_secs 0 of offset_storage makes no copies.`
  }
  return `Warning: the local state ${place}: ${detail}. The backup does not need it; status shows less without it.`
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
