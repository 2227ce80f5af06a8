import {
  digestBackup,
  openExistingBackup,
  openLocation,
  requireBackupId,
  requireRepositoryUrl,
} from '@kafka-backup/core'
import type { Command } from '../command.ts'
import { describeText, digestDocument } from '../render/digest-text.ts'

/** `kafka-backup describe` */
export const describeCommand: Command = {
  name: 'describe',
  summary: 'Show what a backup holds, down to the partitions',
  description: 'Shows topics, partitions, offsets, sizes and gaps of a backup, as its commits tell them.',
  verb: 'read',
  options: [],
  examples: [
    'kafka-backup describe --repo file:///var/backups --backup-id daily',
    'kafka-backup describe --repo file:///var/backups --backup-id daily \\',
    '    --output-format json',
  ],
  async run({ loaded, registry, signal }) {
    const storage = openLocation(requireRepositoryUrl(loaded.config), registry.storages)
    try {
      const digest = digestBackup(
        await openExistingBackup(storage, requireBackupId(loaded.config), { signal }),
      )
      const document = {
        kind: 'backup_description',
        version: 1,
        location: storage.location,
        ...digestDocument(digest),
      }
      return { document, text: describeText(digest), exitCode: 0 }
    } finally {
      await storage.close()
    }
  },
}
