import type { CommandLine } from '../command.ts'
import { DEFAULT_GRACE } from '../default-grace.ts'

/** `kafka-backup compact` */
export const compactLine: CommandLine = {
  name: 'compact',
  summary: 'Write bundles and small segments anew as large segments of one partition',
  description:
    'Turns the many small objects of a continuous backup into few large ones. Record batches stay byte for byte: each is checked when it is read, and what was written is read again and compared before a commit puts it in the place of the old objects. Those are deleted by this or a later compact or prune when the grace has passed and no restore reads them. A backup may run at the same time. Exit code 4: something is damaged, and stays as it is. Exit code 8: the store refused to delete an object.',
  verb: 'read',
  options: [
    {
      flags: '--topics <a,b>',
      description:
        'Only these topics (names, globs, ~expressions); a bundle that also holds others stays as it is',
    },
    { flags: '--exclude-topics <a,b>', description: 'Not these' },
    {
      flags: '--older-than <duration>',
      description: 'Only objects whose newest record is older: 30d, 12h, 1d12h',
    },
    {
      flags: '--segment-max-bytes <size>',
      description:
        'Size at which a new segment is closed (default: backup.segment_max_bytes); those from half of it on stay as they are',
    },
    {
      flags: '--compression-level <n>',
      description: 'Effort of zstd, 1 to 22 (default: backup.compression_level)',
    },
    {
      flags: '--unbundle',
      description:
        'Also bundles of which more objects are made than there are: prune takes segments of one partition only',
    },
    {
      flags: '--grace <duration>',
      description: `How long objects stay behind the commit that replaced them (default: ${DEFAULT_GRACE}; 0: deleted at once)`,
    },
    { flags: '--dry-run', description: 'Print the plan, change nothing' },
  ],
  examples: [
    'kafka-backup compact --repo file:///var/backups --backup-id live --dry-run',
    'kafka-backup compact --repo s3://backups/kafka --backup-id live \\',
    '    --older-than 1h --grace 48h',
  ],
  load: async () => (await import('../commands/compact.ts')).compactCommand,
}
