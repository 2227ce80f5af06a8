import { requireBackupId } from '@kafka-backup/core/config'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { digestBackup, openExistingBackup } from '@kafka-backup/core/repository'
import type { Command } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { describeText, digestDocument } from '../render/digest-text.ts'

/** What `kafka-backup describe` does. */
export const describeCommand: Command = {
  async run(context) {
    const { loaded, options, signal } = context
    const storage = openStorage(context)
    try {
      const digest = digestBackup(
        await openExistingBackup(storage, requireBackupId(loaded.config), {
          signal,
          asOfCommit: commitNumber(options.asOfCommit),
        }),
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

function commitNumber(text: unknown): bigint | undefined {
  if (text === undefined) return undefined
  if (typeof text === 'string' && /^[1-9][0-9]{0,18}$/.test(text)) return BigInt(text)
  throw new KafkaBackupError('KB_USAGE', `--as-of-commit takes the number of a commit, not "${text}"`)
}
