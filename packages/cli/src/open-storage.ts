import type { OpenedStore, StorageBackend } from '@kafka-backup/core'
import { requireRepositoryUrl } from '@kafka-backup/core/config'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { openResilient } from '@kafka-backup/core/storage'
import type { CommandContext } from './command.ts'

const VOLATILE_HINT =
  'Name the folder or the store that holds the backup, such as --repo file:///var/backups.'

/** Of a store that forgets: for who writes a backup there. */
export const VOLATILE_WARNING =
  'the repository is in memory: nothing of it is kept when the program ends, so this is no backup. Name a folder or a store to keep it.'

type StorageContext = Pick<CommandContext, 'loaded' | 'registry' | 'observe' | 'clock' | 'random' | 'signal'>

/** The store of the repository that a command was told, with the secrets that it was given for it. */
export function openStorage(context: StorageContext): StorageBackend {
  return openMeteredStorage(context).storage
}

/** The same, and what the store has been asked for so far. */
export function openMeteredStorage(context: StorageContext): OpenedStore {
  const opened = openWritableStorage(context)
  const { capabilities, location } = opened.storage
  if (!capabilities.isVolatile) return opened
  const message = `${location} is in the memory of this program: it is empty at each start, so that there is nothing to read`
  throw new KafkaBackupError('KB_LOCATION_INVALID', message, { hint: VOLATILE_HINT })
}

/**
 * The same for who reads nothing of an earlier run: also a store that is empty whenever the program begins.
 * `stopLimitMs`: how long it may be used after a stop.
 */
export function openWritableStorage(context: StorageContext, stopLimitMs?: number): OpenedStore {
  const { loaded, registry, observe, clock, random, signal } = context
  const { storageCredentials, storageRateLimit } = loaded.config
  return openResilient(requireRepositoryUrl(loaded.config), registry.storages, storageCredentials, {
    rateLimitBytesPerSec: storageRateLimit,
    observe,
    stop: signal,
    stopLimitMs,
    clock,
    random,
  })
}
