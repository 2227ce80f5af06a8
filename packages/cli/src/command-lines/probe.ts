import type { CommandLine } from '../command.ts'

/** `kafka-backup probe` */
export const probeLine: CommandLine = {
  name: 'probe',
  summary: 'Try what the storage can do',
  description:
    'Tries with objects of its own what a backup needs of the storage, and removes them again: creating a key only once, also among many writers, reading and listing what was just written, large uploads, ranges. It tells too whether parts of failed uploads can be removed and whether the account may delete, and of versions, object lock and clocks. It touches no backup. Exit code 7: the storage lacks something that a backup needs, or cannot be reached. Exit code 8: the account lacks a right.',
  verb: 'read',
  options: [],
  examples: ['kafka-backup probe --repo file:///var/backups'],
  load: async () => (await import('../commands/probe.ts')).probeCommand,
}
