import { openLocation, requireRepositoryUrl, type StorageBackend } from '@kafka-backup/core'
import type { CommandContext } from './command.ts'

/** The store of the repository that a command was told, with the secrets that it was given for it. */
export function openStorage({
  loaded: { config },
  registry,
}: Pick<CommandContext, 'loaded' | 'registry'>): StorageBackend {
  return openLocation(requireRepositoryUrl(config), registry.storages, config.storageCredentials)
}
