import {
  digestBackup,
  listBackups,
  openExistingBackup,
  openLocation,
  requireRepositoryUrl,
} from '@kafka-backup/core'
import type { Command } from '../command.ts'
import { backupListText, digestDocument } from '../render/digest-text.ts'

/** `kafka-backup list` */
export const listCommand: Command = {
  name: 'list',
  summary: 'List the backups of a repository',
  description: 'Lists every backup of a repository with its size, its last run and its recovery point.',
  verb: 'read',
  options: [],
  examples: ['kafka-backup list --repo file:///var/backups'],
  async run({ loaded, registry, signal }) {
    const storage = openLocation(requireRepositoryUrl(loaded.config), registry.storages)
    try {
      const wanted = loaded.config.backupId
      const ids = wanted === undefined ? await listBackups(storage, signal) : [wanted]
      const digests = []
      for (const id of ids) digests.push(digestBackup(await openExistingBackup(storage, id, { signal })))
      const document = {
        kind: 'backup_list',
        version: 1,
        location: storage.location,
        backups: digests.map(summary),
      }
      return { document, text: backupListText(digests, storage.location), exitCode: 0 }
    } finally {
      await storage.close()
    }
  },
}

/** A list needs no partitions and runs; `describe` has them. */
function summary(digest: ReturnType<typeof digestBackup>) {
  const { partitions, runs, ...rest } = digestDocument(digest)
  return { ...rest, partition_count: partitions.length, run_count: runs.length }
}
