import type { CommandLine } from '../command.ts'
import { DEFAULT_GRACE } from '../default-grace.ts'

/** `kafka-backup prune` */
export const pruneLine: CommandLine = {
  name: 'prune',
  summary: 'Take old segments and documents out of a backup, and delete what earlier prunes took out',
  description:
    'Takes the oldest segments out of a backup: a commit says so at once, and their objects are deleted by this or a later prune when the grace has passed and no restore reads them. Segments go whole, from the begin of each partition; the last one of a partition always stays. Where age or --keep says it of all topics, documents of groups, topics and the cluster go too that were superseded by then. Without anything that says what goes, it only deletes what earlier prunes took out. Exit code 8: the store refused to delete an object.',
  verb: 'read',
  options: [
    {
      flags: '--older-than <duration>',
      description: 'Segments go whose newest record is older: 30d, 12h, 1d12h',
    },
    { flags: '--before <time>', description: 'The same with a time: 2026-01-31T00:00:00Z' },
    {
      flags: '--max-bytes <size>',
      description: 'The oldest segments go until the backup holds at most so much: 500GB, 2TiB',
    },
    {
      flags: '--keep <n>',
      description:
        'What the last n complete runs added stays, whatever else is asked; alone: everything before that goes',
    },
    { flags: '--topics <a,b>', description: 'Only of these topics (names, globs, ~expressions)' },
    { flags: '--exclude-topics <a,b>', description: 'Not of these' },
    {
      flags: '--compacted',
      description: 'Also of topics that are compacted: the oldest record may be the last one of its key',
    },
    {
      flags: '--grace <duration>',
      description: `How long objects stay behind the commit that took them out (default: ${DEFAULT_GRACE}; 0: deleted at once)`,
    },
    {
      flags: '--release-restore <id>',
      description:
        'End a restore that nobody goes on with, so that it holds nothing any more; nothing else is done',
    },
    { flags: '--dry-run', description: 'Print the plan, change nothing' },
    { flags: '--yes', description: 'Do not ask' },
  ],
  examples: [
    'kafka-backup prune --repo file:///var/backups --backup-id daily \\',
    '    --older-than 30d --dry-run',
    'kafka-backup prune --repo file:///var/backups --backup-id daily \\',
    '    --older-than 30d --keep 7 --yes',
  ],
  load: async () => (await import('../commands/prune.ts')).pruneCommand,
}
