import type { CommandLine } from '../command.ts'

/** Of a source, what only a backup of records needs. */
const OF_RECORDS = /^source\.(?:topics|rack_id|connection)\b/

/** `kafka-backup snapshot-groups` */
export const snapshotGroupsLine: CommandLine = {
  name: 'snapshot-groups',
  summary: 'Store what consumer groups have committed, without reading a record',
  description:
    'Reads the committed offsets of all consumer groups that the account may see and stores them in a commit of their own, if they say something new. A backup does the same by itself. Exit code 3: some could not be read; what was known of them is kept.',
  verb: 'groups',
  takes: (path) => !OF_RECORDS.test(path),
  options: [],
  examples: [
    'kafka-backup snapshot-groups --bootstrap-servers broker:9092 \\',
    '    --repo file:///var/backups --backup-id daily',
    'kafka-backup snapshot-groups --config backup.yaml --output-format json',
  ],
  load: async () => (await import('../commands/snapshot-groups.ts')).snapshotGroupsCommand,
}
