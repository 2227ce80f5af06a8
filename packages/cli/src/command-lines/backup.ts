import type { CommandLine } from '../command.ts'

/** `kafka-backup backup` */
export const backupLine: CommandLine = {
  name: 'backup',
  summary: 'Read topics of a cluster into a repository',
  description:
    'Reads the chosen topics from where the backup ends up to what is there now, and commits what is safely stored as it goes. Run it again to add what is new: a run that was stopped or killed goes on where its last commit ended. With --continuous it goes on until it is stopped.',
  verb: 'backup',
  options: [{ flags: '--dry-run', description: 'Show what would be read and write nothing' }],
  examples: [
    'kafka-backup backup --bootstrap-servers broker:9092 --topics orders,payments \\',
    '    --repo file:///var/backups --backup-id daily',
    'kafka-backup backup --config backup.yaml --continuous',
    "kafka-backup backup --config backup.yaml --topics 'payments-*' --dry-run",
  ],
  load: async () => (await import('../commands/backup.ts')).backupCommand,
}
