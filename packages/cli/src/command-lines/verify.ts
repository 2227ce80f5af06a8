import type { CommandLine } from '../command.ts'

/** Settings of a restore that choose what is compared with a source; everything else is said by the restore itself. */
const CHOICES: ReadonlySet<string> = new Set([
  'restore.as_of_commit',
  'restore.partitions',
  'restore.source_partitions',
])

/** `kafka-backup verify` */
export const verifyLine: CommandLine = {
  name: 'verify',
  summary: 'Compare the archive with a restored copy or with its source, record by record',
  description:
    'Reads a cluster as a reader of committed records does and compares every record with the archive: key, value, headers, timestamp, and offset. The cluster is one that the backup was restored into, or else the source that it was taken from. Every partition gets its verdict, and the first record that differs is named. Checking the archive against itself is what validate does.',
  verb: 'restore',
  takes: (path) => !path.startsWith('restore.') || CHOICES.has(path),
  options: [
    { flags: '--against-cluster', description: 'compare with the cluster (the only comparison there is)' },
    {
      flags: '--restore <id>',
      description: 'with this restore; without it, with the newest finished one into this cluster',
    },
    {
      flags: '--source',
      description:
        'with the source of the backup, also when the backup was restored into the same cluster; of what chooses records, only topics, partitions and --as-of-commit count',
    },
  ],
  examples: [
    'kafka-backup verify --against-cluster --repo file:///var/backups \\',
    '    --backup-id daily --bootstrap-servers dr:9092',
    'kafka-backup verify --against-cluster --source --repo file:///var/backups \\',
    '    --backup-id daily --bootstrap-servers prod:9092 --topics orders',
  ],
  load: async () => (await import('../commands/verify.ts')).verifyCommand,
}
