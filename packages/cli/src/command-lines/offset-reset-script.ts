import type { CommandLine } from '../command.ts'
import {
  AS_OF_OPTIONS,
  COPY_OPTIONS,
  GROUPS_OPTION,
  RESTORE_OPTION,
  STRATEGY_OPTIONS,
  takesConnection,
} from './group-options.ts'

/** `kafka-backup offset-reset script` */
export const offsetResetScriptLine: CommandLine = {
  name: 'offset-reset script',
  summary: "Write a script that sets consumer groups with Kafka's own tool",
  description:
    'Writes a shell script that sets the offsets of offset-reset plan with kafka-consumer-groups. As it is written it only tries; with --execute it sets. It sets no group that has members, and says what did not become as planned. This program itself asks a cluster only with --by-header or --by-timestamp, and sets nothing.',
  verb: 'restore',
  takes: takesConnection,
  options: [
    ...STRATEGY_OPTIONS,
    { flags: '--execute', description: 'write a script that sets; without it, one that only tries' },
    { flags: '-o, --output <file>', description: 'a new file for the script; without it, stdout' },
    RESTORE_OPTION,
    ...COPY_OPTIONS,
    GROUPS_OPTION,
    ...AS_OF_OPTIONS,
  ],
  examples: [
    'kafka-backup offset-reset script --repo file:///var/backups \\',
    '    --backup-id daily --bootstrap-servers dr:9092 --output try.sh',
    'kafka-backup offset-reset script --repo file:///var/backups \\',
    '    --backup-id daily --bootstrap-servers dr:9092 --groups billing \\',
    '    --execute --output set.sh',
    'kafka-backup offset-reset script --by-header --bootstrap-servers dr:9092 \\',
    '    --repo file:///var/backups --backup-id daily --output try.sh',
  ],
  load: async () => (await import('../commands/offset-reset-script.ts')).offsetResetScriptCommand,
}
