import type { CommandLine } from '../command.ts'

/** `kafka-backup restore` */
export const restoreLine: CommandLine = {
  name: 'restore',
  summary: 'Write a backup into a cluster',
  description:
    'Writes the committed records of a backup into a cluster, each exactly once: whatever dies in between, the same command with --resume goes on. What speaks against it is said before anything is written; --dry-run shows the plan.',
  verb: 'restore',
  options: [
    {
      flags: '--yes',
      description: 'delete records of the target, or write some of them there a second time, without asking',
    },
  ],
  examples: [
    'kafka-backup restore --repo file:///var/backups --backup-id daily \\',
    '    --bootstrap-servers dr:9092 --dry-run',
    'kafka-backup restore --repo file:///var/backups --backup-id daily \\',
    '    --bootstrap-servers dr:9092 --topics orders \\',
    '    --topic-mapping orders=orders-copy',
    'kafka-backup restore --repo file:///var/backups --backup-id daily \\',
    '    --bootstrap-servers dr:9092 --to 2026-11-21T01:30:00Z --resume',
    'kafka-backup restore --repo file:///var/backups --backup-id daily \\',
    '    --bootstrap-servers dr:9092 --as-of-commit 7',
  ],
  load: async () => (await import('../commands/restore.ts')).restoreCommand,
}
