import type { CommandLine } from '../command.ts'

/** `kafka-backup list` */
export const listLine: CommandLine = {
  name: 'list',
  summary: 'List the backups of a repository',
  description:
    'Lists every backup of a repository with its size, its last run and its recovery point. Exit code 4: a backup is damaged and could not be read; the others are listed.',
  verb: 'read',
  options: [],
  examples: ['kafka-backup list --repo file:///var/backups'],
  load: async () => (await import('../commands/list.ts')).listCommand,
}
