import type { CommandLine } from '../command.ts'

/** `kafka-backup status` */
export const statusLine: CommandLine = {
  name: 'status',
  summary: 'Show how a backup stands',
  description:
    'Shows whether a run is under way, the outcome of the last one, the recovery point and the gaps of a backup, and how old all of that is. A run tells of itself in a local file, which is found on the same machine, and in a copy in the repository. With the source cluster, the lag is shown too. Exit code 0: a run is under way, or the last one ended complete; 3: it did not, it is gone without a word, or waits for its store.',
  verb: 'status',
  takes: (path) => !path.startsWith('source.topics.') && !path.startsWith('offset_storage.sync_'),
  options: [{ flags: '--by-partition', description: 'show the last offset of every partition' }],
  examples: [
    'kafka-backup status --repo file:///var/backups --backup-id daily',
    'kafka-backup status --config backup.yaml --by-partition',
  ],
  load: async () => (await import('../commands/status.ts')).statusCommand,
}
