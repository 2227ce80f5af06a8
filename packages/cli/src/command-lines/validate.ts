import type { CommandLine } from '../command.ts'

/** `kafka-backup validate` */
export const validateLine: CommandLine = {
  name: 'validate',
  summary: 'Check a backup against its own digests',
  description:
    'Checks the commits, every object and its index; with --deep every byte: the digest of each frame and the CRC of each record batch. It changes nothing. Exit code 4: something is damaged, or does not belong there. Exit code 3: the backup has declared gaps, or its last run did not end complete.',
  verb: 'read',
  options: [{ flags: '--deep', description: 'Read every byte: all digests, all checksums, all offsets' }],
  examples: ['kafka-backup validate --repo file:///var/backups --backup-id daily --deep'],
  load: async () => (await import('../commands/validate.ts')).validateCommand,
}
