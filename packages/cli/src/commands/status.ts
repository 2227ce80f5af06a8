import { digestBackup, openExistingBackup, requireBackupId } from '@kafka-backup/core'
import type { Command } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { digestDocument, statusText } from '../render/digest-text.ts'

/** `kafka-backup status` */
export const statusCommand: Command = {
  name: 'status',
  summary: 'Show how a backup stands',
  description:
    'Shows the recovery point, the outcome of the last run and the gaps of a backup. Exit code 3 when the last run did not end complete.',
  verb: 'read',
  options: [],
  examples: ['kafka-backup status --repo file:///var/backups --backup-id daily'],
  async run(context) {
    const { loaded, clock, signal } = context
    const storage = openStorage(context)
    try {
      const digest = digestBackup(
        await openExistingBackup(storage, requireBackupId(loaded.config), { signal }),
      )
      const { runs, partitions, ...rest } = digestDocument(digest)
      const document = {
        kind: 'backup_status',
        version: 1,
        location: storage.location,
        ...rest,
        last_run: runs.at(-1) ?? null,
      }
      const exitCode = digest.lastRun?.outcome === 'complete' ? 0 : 3
      return { document, text: statusText(digest, clock.nowMs()), exitCode }
    } finally {
      await storage.close()
    }
  },
}
