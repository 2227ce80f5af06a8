import { requireBackupId } from '@kafka-backup/core/config'
import { validateBackup } from '@kafka-backup/core/verify'
import type { Command } from '../command.ts'
import { openMeteredStorage } from '../open-storage.ts'
import { storageDocument, storageText } from '../render/storage-text.ts'
import { validationDocument, validationText } from '../render/validation-text.ts'

/** What `kafka-backup validate` does. */
export const validateCommand: Command = {
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
