import type { CommandLine } from '../command.ts'

/** `kafka-backup cluster plan` */
export const clusterPlanLine: CommandLine = {
  name: 'cluster plan',
  summary: "Write a script that recreates topics, ACLs and quotas with Kafka's own tools",
  description:
    'Writes a shell script of kafka-topics, kafka-acls and kafka-configs commands that set up the topics, ACLs and client quotas that the backup knows of its source in another cluster. As it is written it only says what it would do; with --execute it does it. What exists is left as it is. SCRAM users are named: nobody gives out their secrets. This program itself asks no cluster and changes nothing.',
  verb: 'restore',
  takes: (path) => path === 'target.bootstrap_servers' || !/^(?:restore|target)\./.test(path),
  options: [
    { flags: '--execute', description: 'write a script that sets up; without it, one that only says what' },
    { flags: '-o, --output <file>', description: 'a new file for the script; without it, stdout' },
    {
      flags: '--as-of <time>',
      description: 'the cluster as the backup knew it at this time, such as 2026-11-21T01:30:00Z or -2h',
    },
    {
      flags: '--as-of-commit <number>',
      description: 'the cluster as of this commit; without both, the newest',
    },
  ],
  examples: [
    'kafka-backup cluster plan --repo file:///var/backups --backup-id daily \\',
    '    --bootstrap-servers dr:9092',
    'kafka-backup cluster plan --repo file:///var/backups --backup-id daily \\',
    '    --bootstrap-servers dr:9092 --execute --output setup.sh',
  ],
  load: async () => (await import('../commands/cluster-plan.ts')).clusterPlanCommand,
}
