import {
  openResilient,
  type ResilientStorage,
  requireRepositoryUrl,
  type StorageBackend,
} from '@kafka-backup/core'
import type { CommandContext } from './command.ts'

type StorageContext = Pick<CommandContext, 'loaded' | 'registry' | 'observe' | 'clock' | 'random' | 'signal'>

/** The store of the repository that a command was told, with the secrets that it was given for it. */
export function openStorage(context: StorageContext): StorageBackend {
  return openMeteredStorage(context).storage
}

/** The same, and what the store has been asked for so far. */
export function openMeteredStorage(context: StorageContext): ResilientStorage {
  const { loaded, registry, observe, clock, random, signal } = context
  const { storageCredentials, storageRateLimit } = loaded.config
  return openResilient(requireRepositoryUrl(loaded.config), registry.storages, storageCredentials, {
    rateLimitBytesPerSec: storageRateLimit,
    observe,
    stop: signal,
    clock,
    random,
  })
}
