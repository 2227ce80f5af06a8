import {
  type BackupDigest,
  digestBackup,
  isKafkaBackupError,
  type KafkaBackupError,
  listBackups,
  openExistingBackup,
} from '@kafka-backup/core'
import type { Command } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { backupListText, digestDocument } from '../render/digest-text.ts'
import { errorDocument, renderErrorText } from '../render/error-text.ts'

/** `kafka-backup list` */
export const listCommand: Command = {
  name: 'list',
  summary: 'List the backups of a repository',
  description:
    'Lists every backup of a repository with its size, its last run and its recovery point. Exit code 4: a backup is damaged and could not be read; the others are listed.',
  verb: 'read',
  options: [],
  examples: ['kafka-backup list --repo file:///var/backups'],
  async run(context) {
    const { loaded, signal } = context
    const storage = openStorage(context)
    try {
      const wanted = loaded.config.backupId
      const ids = wanted === undefined ? await listBackups(storage, signal) : [wanted]
      const digests: BackupDigest[] = []
      const damaged: KafkaBackupError[] = []
      for (const id of ids) {
        try {
          digests.push(digestBackup(await openExistingBackup(storage, id, { signal })))
        } catch (error) {
          // One backup that cannot be read must not hide the others.
          if (wanted !== undefined || !isDamage(error)) throw error
          damaged.push(error)
        }
      }
      const document = {
        kind: 'backup_list',
        version: 1,
        location: storage.location,
        backups: digests.map(summary),
        damaged: damaged.map((error) => errorDocument(error).error),
      }
      const hasNone = digests.length === 0 && damaged.length > 0
      const lines = [
        ...(hasNone ? [] : [backupListText(digests, storage.location)]),
        ...damaged.map(renderErrorText),
      ]
      return { document, text: lines.join('\n'), exitCode: damaged[0]?.exitCode ?? 0 }
    } finally {
      await storage.close()
    }
  },
}

function isDamage(error: unknown): error is KafkaBackupError {
  return isKafkaBackupError(error) && error.category === 'integrity'
}

/** A list needs no partitions and runs; `describe` has them. */
function summary(digest: ReturnType<typeof digestBackup>) {
  const { partitions, runs, ...rest } = digestDocument(digest)
  return { ...rest, run_count: runs.length }
}
