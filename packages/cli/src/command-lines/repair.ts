import type { CommandLine } from '../command.ts'
import { DEFAULT_GRACE } from '../default-grace.ts'

/** `kafka-backup repair` */
export const repairLine: CommandLine = {
  name: 'repair',
  summary: 'Rebuild what is derived from the commits, and say what a lost commit takes with it',
  description:
    'Reads every commit, writes snapshots and manifest.json again where they are missing or damaged, and lists objects that no commit names. It never writes over a commit: of one that is damaged or lost it says which partitions and offsets it concerns, and what can still be restored. Exit code 4: a commit is damaged or lost. Exit code 8: the store refused something.',
  verb: 'read',
  options: [
    {
      flags: '--remove-orphans',
      description: 'Remove what no commit names and is older than the grace',
    },
    {
      flags: '--grace <duration>',
      description: `Age from which an orphan is taken for left behind (default: ${DEFAULT_GRACE}); a run names what it writes within minutes`,
    },
    { flags: '--dry-run', description: 'Print the plan, change nothing' },
    { flags: '--yes', description: 'Do not ask' },
  ],
  examples: [
    'kafka-backup repair --repo file:///var/backups --backup-id daily --dry-run',
    'kafka-backup repair --repo file:///var/backups --backup-id daily \\',
    '    --remove-orphans --yes',
  ],
  load: async () => (await import('../commands/repair.ts')).repairCommand,
}
