import type { CommandLine } from '../command.ts'

/** `kafka-backup diff` */
export const diffLine: CommandLine = {
  name: 'diff',
  summary: 'Compare a cluster with what a backup knows of it, or with an earlier day',
  description:
    'Compares topics, their partitions, replicas and settings, ACLs, client quotas and SCRAM users: as a backup knew them at two times (--since), or as it knows them with a cluster as it is now (--against-cluster). Records are what verify compares. Exit codes: 0 equal; 3 nothing differs, but not everything could be compared; 4 something differs. Changes nothing.',
  verb: 'compare',
  takes: (path) => !/^target\.(?:topics|connection)\b/.test(path),
  options: [
    {
      flags: '--since <time>',
      description: 'compare with the backup as it was at this time, such as 2026-11-21T01:30:00Z or -7d',
    },
    { flags: '--since-commit <number>', description: 'compare with the backup as of this commit' },
    { flags: '--against-cluster', description: 'compare with the cluster of --bootstrap-servers' },
    {
      flags: '--as-of <time>',
      description: 'the backup as it was at this time, instead of its newest state',
    },
    { flags: '--as-of-commit <number>', description: 'the same as of this commit' },
  ],
  examples: [
    'kafka-backup diff --repo file:///var/backups --backup-id daily --since -7d',
    'kafka-backup diff --repo file:///var/backups --backup-id daily \\',
    '    --since-commit 3 --as-of-commit 9',
    'kafka-backup diff --repo file:///var/backups --backup-id daily \\',
    '    --against-cluster --bootstrap-servers dr:9092',
  ],
  load: async () => (await import('../commands/diff.ts')).diffCommand,
}
