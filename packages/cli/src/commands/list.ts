import type { BackupDigest, KafkaBackupError } from '@kafka-backup/core'
import { isKafkaBackupError } from '@kafka-backup/core/errors'
import { digestBackup, listBackups, openExistingBackup } from '@kafka-backup/core/repository'
import type { Command } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { backupListText, digestDocument } from '../render/digest-text.ts'
import { errorDocument, renderErrorText } from '../render/error-text.ts'

/** What `kafka-backup list` does. */
export const listCommand: Command = {
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
