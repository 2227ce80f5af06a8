import type { CommandLine } from '../command.ts'
import { AS_OF_OPTIONS, GROUPS_OPTION, RESTORE_OPTION, STRATEGY_OPTIONS } from './group-options.ts'

/** `kafka-backup offset-reset plan` */
export const offsetResetPlanLine: CommandLine = {
  name: 'offset-reset plan',
  summary: 'Show what consumer groups would be set to',
  description:
    'Shows which offsets a script of offset-reset script would set for each consumer group, and what it would leave as it is. Asks no cluster and sets nothing. Exit code 3: something is left as it is that was restored.',
  verb: 'read',
  options: [
    ...STRATEGY_OPTIONS,
    RESTORE_OPTION,
    GROUPS_OPTION,
    ...AS_OF_OPTIONS,
    { flags: '--csv', description: 'one line for each offset, as CSV' },
  ],
  examples: [
    'kafka-backup offset-reset plan --repo file:///var/backups --backup-id daily',
    'kafka-backup offset-reset plan --repo file:///var/backups \\',
    '    --backup-id daily --strategy as-of --as-of -2h --groups billing',
  ],
  load: async () => (await import('../commands/offset-reset-plan.ts')).offsetResetPlanCommand,
}
