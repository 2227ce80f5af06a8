import type { CommandLine } from '../command.ts'
import {
  CHOICE_OPTIONS,
  CRITERIA_OPTIONS,
  PRINT_OPTIONS,
  RECORD_FORMATS,
  TOPICS_WORDS,
} from './record-options.ts'

/** `kafka-backup cat` */
export const catLine: CommandLine = {
  name: 'cat',
  summary: 'Print records of a backup, without a cluster',
  description:
    'Prints the committed records of a backup, one partition after the other and each in order of offset, as a restore would write them. Only what is asked for is read. Exit code 3: offsets of what was asked for are not in the backup, which is said on stderr. Exit code 4: damage, after everything that lies before it.',
  verb: 'read',
  words: [TOPICS_WORDS],
  formats: RECORD_FORMATS,
  options: [
    ...CHOICE_OPTIONS,
    ...CRITERIA_OPTIONS,
    ...PRINT_OPTIONS,
    { flags: '--tail <n>', description: 'only the last n records of each partition' },
  ],
  examples: [
    'kafka-backup cat --repo file:///var/backups --backup-id daily \\',
    '    orders --limit 10',
    'kafka-backup cat --repo file:///var/backups --backup-id daily \\',
    '    --offsets orders/3:1200-1300 --output-format ndjson',
    'kafka-backup cat --repo file:///var/backups --backup-id daily orders \\',
    '    --from 2026-11-21T01:00:00Z --to 2026-11-21T01:30:00Z --decode json',
    'kafka-backup cat --repo file:///var/backups --backup-id daily \\',
    '    __consumer_offsets --decode consumer-offsets --output-format ndjson',
  ],
  load: async () => (await import('../commands/cat.ts')).catCommand,
}
