import type { Observer, StorageBackend } from '@kafka-backup/core'
import { requireRepositoryUrl } from '@kafka-backup/core/config'
import { combineObservers } from '@kafka-backup/core/events'
import { openLocation } from '@kafka-backup/core/storage'
import { probeStore } from '@kafka-backup/core/verify'
import type { Command, CommandContext } from '../command.ts'
import { openWritableStorage } from '../open-storage.ts'
import { leftoversText, probeDocument, probeText } from '../render/probe-text.ts'

/** What `kafka-backup probe` does. */
export const probeCommand: Command = {
  async run(context) {
    let leftUploads = 0
    const count: Observer = ({ type }) => {
      if (type === 'left_behind') leftUploads++
    }
    const observe = combineObservers([context.observe, count])
    const { storage } = openWritableStorage({ ...context, observe })
    const exclusive = storage.capabilities.hasSingleWriter === true ? openWithoutPromise(context) : undefined
    try {
      const report = await probeStore({
        storage,
        ...(exclusive === undefined ? {} : { exclusive }),
        clock: context.clock,
        random: context.random,
        signal: context.signal,
        leftUploads: () => leftUploads,
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
