import type { CommandLine } from '../command.ts'
import { CHOICE_OPTIONS, TOPICS_WORDS } from './record-options.ts'

/** `kafka-backup count` */
export const countLine: CommandLine = {
  name: 'count',
  summary: 'Count the records of a backup, by partition',
  description:
    'Counts the committed records of each partition, chosen as cat chooses them. Commits say most of it: only what a range of offsets or of time cuts is read. Exit code 3: offsets of what was asked for are not in the backup.',
  verb: 'read',
  words: [TOPICS_WORDS],
  options: CHOICE_OPTIONS,
  examples: [
    'kafka-backup count --repo file:///var/backups --backup-id daily orders',
    "kafka-backup count --repo file:///var/backups --backup-id daily '*' \\",
    '    --from 2026-11-21T01:00:00Z --to 2026-11-21T01:30:00Z',
  ],
  load: async () => (await import('../commands/count.ts')).countCommand,
}
