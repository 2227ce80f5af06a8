import type { CommandLine } from '../command.ts'
import { AS_OF_OPTIONS, GROUPS_OPTION, RESTORE_OPTION } from './group-options.ts'

/** `kafka-backup offsets report` */
export const offsetsReportLine: CommandLine = {
  name: 'offsets report',
  summary: 'Show where consumer groups go on after a restore',
  description:
    'Shows, for each committed offset of each consumer group in the backup, the offset in the restored topic from which the group has to go on so that it skips nothing: exactly, by the offset map of the restore. Says what is read again and what cannot be mapped. Sets nothing. Exit code 3: something that was restored cannot be mapped, or a group could not be read.',
  verb: 'read',
  options: [
    RESTORE_OPTION,
    GROUPS_OPTION,
    ...AS_OF_OPTIONS,
    { flags: '--csv', description: 'one line for each offset, as CSV' },
  ],
  examples: [
    'kafka-backup offsets report --repo file:///var/backups --backup-id daily',
    'kafka-backup offsets report --repo file:///var/backups \\',
    '    --backup-id daily --groups billing shipping --as-of -2h --csv',
  ],
  load: async () => (await import('../commands/offsets-report.ts')).offsetsReportCommand,
}

/** Its name in other programs. */
export const showOffsetMappingLine: CommandLine = {
  ...offsetsReportLine,
  name: 'show-offset-mapping',
  isHidden: true,
  examples: offsetsReportLine.examples.map((line) => line.replace('offsets report', 'show-offset-mapping')),
}
