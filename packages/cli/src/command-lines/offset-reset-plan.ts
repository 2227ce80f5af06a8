import type { CommandLine } from '../command.ts'
import {
  AS_OF_OPTIONS,
  asksCluster,
  COPY_OPTIONS,
  GROUPS_OPTION,
  RESTORE_OPTION,
  STRATEGY_OPTIONS,
  takesConnection,
} from './group-options.ts'

/** `kafka-backup offset-reset plan` */
export const offsetResetPlanLine: CommandLine = {
  name: 'offset-reset plan',
  summary: 'Show what consumer groups would be set to',
  description:
    'Shows which offsets a script of offset-reset script would set for each consumer group, and what it would leave as it is. Asks a cluster only with --by-header or --by-timestamp, and sets nothing. Exit code 3: something is left as it is that was restored.',
  verb: 'restore',
  verbWith: (options) => (asksCluster(options) ? 'restore' : 'read'),
  takes: takesConnection,
  options: [
    ...STRATEGY_OPTIONS,
    RESTORE_OPTION,
    ...COPY_OPTIONS,
    GROUPS_OPTION,
    ...AS_OF_OPTIONS,
    { flags: '--csv', description: 'one line for each offset, as CSV' },
  ],
  examples: [
    'kafka-backup offset-reset plan --repo file:///var/backups --backup-id daily',
    'kafka-backup offset-reset plan --repo file:///var/backups \\',
    '    --backup-id daily --strategy as-of --as-of -2h --groups billing',
    'kafka-backup offset-reset plan --by-header --bootstrap-servers dr:9092 \\',
    '    --repo file:///var/backups --backup-id daily',
  ],
  load: async () => (await import('../commands/offset-reset-plan.ts')).offsetResetPlanCommand,
}
