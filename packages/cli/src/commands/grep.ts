import type { SearchedPart } from '@kafka-backup/core'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import type { Command } from '../command.ts'
import { printRecords } from '../print-records.ts'
import { listOf } from '../record-choice.ts'
import { keyAndHeadersOf } from '../record-criteria.ts'

const PARTS: readonly SearchedPart[] = ['key', 'value', 'headers']

/** What `kafka-backup grep` does. */
export const grepCommand: Command = {
  async run(context) {
    const [pattern, ...topics] = context.words
    const criteria = {
      ...keyAndHeadersOf(context),
      pattern,
      searched: searchedOf(listOf(context.options.in)),
    }
    return printRecords(context, { topics, criteria, lastRecords: undefined })
  },
}

/** @throws KB_USAGE */
function searchedOf(items: readonly string[]): readonly SearchedPart[] {
  const stranger = items.find((item) => !PARTS.some((part) => part === item))
  if (stranger !== undefined) {
    throw new KafkaBackupError('KB_USAGE', `--in takes ${PARTS.join(', ')}, not "${stranger}"`)
  }
  return items.length === 0 ? PARTS : PARTS.filter((part) => items.includes(part))
}
