import { offsetStatePath, requireBackupId } from '@kafka-backup/core/config'
import { OffsetStateKeeper } from '@kafka-backup/core/observe'
import type { CommandContext } from './command.ts'

/** What keeps the offset state of the run of a command; it does nothing before its `begin`. */
export function offsetStateKeeper(context: CommandContext): OffsetStateKeeper {
  const { loaded, registry, clock, observe } = context
  const { offsetStorage } = loaded.config
  const backupId = requireBackupId(loaded.config)
  return new OffsetStateKeeper({
    makeCache: (location, warn) => {
      const path = offsetStatePath(offsetStorage, backupId, location)
      return registry.checkpointCache(offsetStorage.backend)({ path, warn })
    },
    syncIntervalMs: offsetStorage.syncIntervalMs,
    clock,
    tell: observe,
  })
}
