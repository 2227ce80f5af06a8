import { requireBackupId } from '@kafka-backup/core/config'
import { KafkaBackupError, toKafkaBackupError } from '@kafka-backup/core/errors'
import {
  digestBackup,
  latestGroups,
  newestCluster,
  newestTopics,
  openExistingBackup,
} from '@kafka-backup/core/repository'
import { commitNumber } from '../as-of-state.ts'
import type { Command } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { clusterDocument, clusterText } from '../render/cluster-text.ts'
import { describeText, digestDocument } from '../render/digest-text.ts'
import { groupsDocument, groupsText } from '../render/groups-text.ts'
import { capturedDocument, capturedText } from '../render/topic-settings-text.ts'

/** What `kafka-backup describe` does. */
export const describeCommand: Command = {
  async run(context) {
    const { loaded, options, signal } = context
    const storage = openStorage(context)
    try {
      const asOfCommit = commitNumber(options.asOfCommit)
      const backupId = requireBackupId(loaded.config)
      const state = await openExistingBackup(storage, backupId, { signal, asOfCommit })
      if (options.groups === true && options.cluster === true)
        throw new KafkaBackupError(
          'KB_USAGE',
          '--groups and --cluster are two descriptions: give one of them',
        )
      if (options.groups === true) {
        const groups = await latestGroups(storage, state, signal)
        return { document: groupsDocument(state, groups), text: groupsText(state, groups), exitCode: 0 }
      }
      const captured = await newestTopics(storage, state, signal).catch(shownDamage)
      if (options.cluster === true) {
        const shown = { state, cluster: await newestCluster(storage, state, signal), topics: captured }
        return { document: clusterDocument(shown), text: clusterText(shown), exitCode: 0 }
      }
      const digest = digestBackup(state)
      const document = {
        kind: 'backup_description',
        version: 1,
        location: storage.location,
        ...digestDocument(digest),
        topic_settings: capturedDocument(captured),
      }
      return { document, text: [describeText(digest), ...capturedText(captured)].join('\n'), exitCode: 0 }
    } finally {
      await storage.close()
    }
  },
}

/** What is damaged, or pruned, hides nothing else. */
function shownDamage(error: unknown): { readonly damage: string } {
  const { category, code, message } = toKafkaBackupError(error)
  if (category !== 'integrity' && code !== 'KB_OBJECT_NOT_FOUND' && code !== 'KB_PRUNED') throw error
  return { damage: message }
}
