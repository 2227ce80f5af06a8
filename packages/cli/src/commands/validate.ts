import { requireBackupId, validateBackup } from '@kafka-backup/core'
import type { Command } from '../command.ts'
import { openMeteredStorage } from '../open-storage.ts'
import { storageDocument, storageText } from '../render/storage-text.ts'
import { validationDocument, validationText } from '../render/validation-text.ts'

/** `kafka-backup validate` */
export const validateCommand: Command = {
  name: 'validate',
  summary: 'Check a backup against its own digests',
  description:
    'Checks the commits, every object and its index; with --deep every byte: the digest of each frame and the CRC of each record batch. It changes nothing. Exit code 4: something is damaged, or does not belong there. Exit code 3: the backup has declared gaps, or its last run did not end complete.',
  verb: 'read',
  options: [{ flags: '--deep', description: 'Read every byte: all digests, all checksums, all offsets' }],
  examples: ['kafka-backup validate --repo file:///var/backups --backup-id daily --deep'],
  async run(context) {
    const { loaded, registry, options, observe, signal } = context
    const { storage, usage } = openMeteredStorage(context)
    try {
      const report = await validateBackup({
        storage,
        backupId: requireBackupId(loaded.config),
        transforms: registry.transformsById(),
        isDeep: options.deep === true,
        onProgress: ({ doneSegments, segments, checkedBytes }) =>
          observe({
            type: 'progressed',
            progress: {
              records: 0,
              rawBytes: checkedBytes,
              storedBytes: checkedBytes,
              doneOffsets: doneSegments,
              totalOffsets: segments,
            },
          }),
        signal,
      })
      const exitCodes = { complete: 0, incomplete: 3, damaged: 4 }
      return {
        document: { ...validationDocument(report), storage: storageDocument(usage()) },
        text: [validationText(report), storageText(usage())].join('\n'),
        exitCode: exitCodes[report.verdict],
      }
    } finally {
      await storage.close()
    }
  },
}
