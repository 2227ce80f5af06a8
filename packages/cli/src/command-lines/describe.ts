import type { CommandLine } from '../command.ts'

/** `kafka-backup describe` */
export const describeLine: CommandLine = {
  name: 'describe',
  summary: 'Show what a backup holds, down to the partitions',
  description:
    'Shows topics, partitions, offsets, sizes and gaps of a backup, as its commits tell them, and the settings that its topics had; what consumer groups had committed; and what its cluster was besides.',
  verb: 'read',
  options: [
    { flags: '--as-of-commit <number>', description: 'Show the backup as it was after this commit' },
    {
      flags: '--cluster',
      description: 'Show brokers, features, ACLs, client quotas, SCRAM users and topics of its source',
    },
    { flags: '--groups', description: 'Show the consumer groups and what they had committed' },
  ],
  examples: [
    'kafka-backup describe --repo file:///var/backups --backup-id daily',
    'kafka-backup describe --repo file:///var/backups --backup-id daily \\',
    '    --output-format json',
    'kafka-backup describe --repo file:///var/backups --backup-id daily --groups',
    'kafka-backup describe --repo file:///var/backups --backup-id daily --cluster',
  ],
  load: async () => (await import('../commands/describe.ts')).describeCommand,
}
