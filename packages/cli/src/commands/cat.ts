import { KafkaBackupError } from '@kafka-backup/core/errors'
import { wholeNumber } from '../amounts.ts'
import type { Command } from '../command.ts'
import { printRecords } from '../print-records.ts'
import { keyAndHeadersOf } from '../record-criteria.ts'

/** What `kafka-backup cat` does. */
export const catCommand: Command = {
  async run(context) {
    const { options, words } = context
    const criteria = { ...keyAndHeadersOf(context), searched: [] }
    const lastRecords = options.tail === undefined ? undefined : wholeNumber('--tail', String(options.tail))
    if (lastRecords !== undefined && (criteria.key !== undefined || criteria.headers.length > 0)) {
      throw new KafkaBackupError(
        'KB_USAGE',
        '--tail counts all records: it does not go with --key and --header',
      )
    }
    return printRecords(context, { topics: words, criteria, lastRecords })
  },
}
