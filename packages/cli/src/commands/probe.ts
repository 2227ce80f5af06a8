import { openLocation, probeStore, requireRepositoryUrl, type StorageBackend } from '@kafka-backup/core'
import type { Command, CommandContext } from '../command.ts'
import { openWritableStorage } from '../open-storage.ts'
import { leftoversText, probeDocument, probeText } from '../render/probe-text.ts'

/** `kafka-backup probe` */
export const probeCommand: Command = {
  name: 'probe',
  summary: 'Try what the storage can do',
  description:
    'Tries with objects of its own what a backup needs of the storage, and removes them again: creating a key only once, also among many writers, reading and listing what was just written, large uploads, ranges. It tells too whether the account may delete, and of versions, object lock and clocks. It touches no backup. Exit code 7: the storage lacks something that a backup needs, or cannot be reached. Exit code 8: the account lacks a right.',
  verb: 'read',
  options: [],
  examples: ['kafka-backup probe --repo file:///var/backups'],
  async run(context) {
    const { storage } = openWritableStorage(context)
    const exclusive = storage.capabilities.hasSingleWriter === true ? openWithoutPromise(context) : undefined
    try {
      const report = await probeStore({
        storage,
        ...(exclusive === undefined ? {} : { exclusive }),
        clock: context.clock,
        random: context.random,
        signal: context.signal,
        onLeft: (keys) => context.say(leftoversText(keys)),
      })
      return { document: probeDocument(report), text: probeText(report), exitCode: report.exitCode }
    } finally {
      await exclusive?.close()
      await storage.close()
    }
  },
}

/** The same place, asked to create exclusively although somebody vouches for a single writer. */
function openWithoutPromise({
  loaded: { config },
  registry,
}: Pick<CommandContext, 'loaded' | 'registry'>): StorageBackend {
  const url = new URL(requireRepositoryUrl(config))
  url.searchParams.delete('single_writer')
  return openLocation(url.href, registry.storages, config.storageCredentials)
}
