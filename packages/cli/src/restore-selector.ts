import type { BackupState, RestoreRequest, RestoreSelection } from '@kafka-backup/core'
import { restoreSelectionOf } from '@kafka-backup/core/config'
import { chosenTopics } from './chosen-topics.ts'

/** What a request means for a backup. */
export type RestoreSelector = (state: BackupState, window: RestoreSelection['window']) => RestoreSelection

/**
 * Without a choice everything that was backed up is chosen, internal topics that were asked for included.
 * @throws KB_TOPIC_NOT_FOUND, KB_USAGE when called
 */
export function restoreSelectorOf(request: RestoreRequest): RestoreSelector {
  const { includeTopics: include, excludeTopics: exclude, backupId } = request
  const patterns = { include: include.length > 0 ? include : ['*'], exclude, includeInternal: true }
  return (state, window = null) => {
    const topics = chosenTopics(patterns, [...state.topics.keys()], `in backup ${backupId}`)
    return restoreSelectionOf(request, state, { topics, window })
  }
}
