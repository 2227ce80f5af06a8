import { digestBackup, KafkaBackupError, openExistingBackup, requireBackupId } from '@kafka-backup/core'
import type { Command } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { describeText, digestDocument } from '../render/digest-text.ts'

/** `kafka-backup describe` */
export const describeCommand: Command = {
  name: 'describe',
  summary: 'Show what a backup holds, down to the partitions',
  description: 'Shows topics, partitions, offsets, sizes and gaps of a backup, as its commits tell them.',
  verb: 'read',
  options: [{ flags: '--as-of-commit <number>', description: 'Show the backup as it was after this commit' }],
  examples: [
    'kafka-backup describe --repo file:///var/backups --backup-id daily',
    'kafka-backup describe --repo file:///var/backups --backup-id daily \\',
    '    --output-format json',
  ],
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
