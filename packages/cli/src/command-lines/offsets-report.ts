import type { CommandLine } from '../command.ts'
import {
  AS_OF_OPTIONS,
  asksCluster,
  COPY_OPTIONS,
  GROUPS_OPTION,
  RESTORE_OPTION,
  takesConnection,
} from './group-options.ts'

/** `kafka-backup offsets report` */
export const offsetsReportLine: CommandLine = {
  name: 'offsets report',
  summary: 'Show where consumer groups go on after a restore',
  description:
    'Shows, for each committed offset of each consumer group in the backup, the offset in the restored topic from which the group has to go on so that it skips nothing: exactly, by the offset map of the restore. Where there is no map, the records of the copy tell it, by their headers or by their times; for that it reads a cluster. Says what is read again and what cannot be mapped. Sets nothing. Exit code 3: something that was restored cannot be mapped, or a group could not be read.',
  verb: 'restore',
  verbWith: (options) => (asksCluster(options) ? 'restore' : 'read'),
  takes: takesConnection,
  options: [
    RESTORE_OPTION,
    ...COPY_OPTIONS,
    GROUPS_OPTION,
    ...AS_OF_OPTIONS,
    { flags: '--csv', description: 'one line for each offset, as CSV' },
  ],
  examples: [
    'kafka-backup offsets report --repo file:///var/backups --backup-id daily',
    'kafka-backup offsets report --repo file:///var/backups \\',
    '    --backup-id daily --groups billing shipping --as-of -2h --csv',
    'kafka-backup offsets report --by-header --bootstrap-servers dr:9092 \\',
    '    --repo file:///var/backups --backup-id daily',
    'kafka-backup offsets report --by-timestamp --bootstrap-servers dr:9092 \\',
    '    --repo file:///var/backups --backup-id daily \\',
    '    --topic-mapping orders=orders-dr',
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
