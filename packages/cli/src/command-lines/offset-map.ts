import type { CommandLine } from '../command.ts'

/** `kafka-backup offset-map` */
export const offsetMapLine: CommandLine = {
  name: 'offset-map',
  summary: 'Show where a restore put each offset',
  description:
    'Shows which offset of the target each restored record has, exactly: as runs of offsets, as CSV, or for one offset in either direction. The map is kept in the repository by the restore itself.',
  verb: 'read',
  options: [
    {
      flags: '--restore <id>',
      description: 'id of the restore, as --list shows it; without it, the newest one',
    },
    { flags: '--list', description: 'show the restores of the backup, oldest first, and no map' },
    {
      flags: '--source <topic/partition:offset>',
      description: 'where this offset of the source went, and from where to read so that nothing is missed',
    },
    {
      flags: '--target <topic/partition:offset>',
      description: 'where the record at this offset of the target came from; not together with --source',
    },
    { flags: '--csv', description: 'the map or the answer as CSV, without the name of the restore' },
  ],
  examples: [
    'kafka-backup offset-map --repo file:///var/backups --backup-id daily --list',
    'kafka-backup offset-map --repo file:///var/backups --backup-id daily \\',
    '    --source orders/3:1200',
    'kafka-backup offset-map --repo file:///var/backups --backup-id daily \\',
    '    --restore 5f2c9d0a1b3e4f67-0001 --csv',
  ],
  load: async () => (await import('../commands/offset-map.ts')).offsetMapCommand,
}
