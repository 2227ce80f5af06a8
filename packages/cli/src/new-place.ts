import type { OpenedStore } from '@kafka-backup/core'
import { assertOutsideBackups } from '@kafka-backup/core/repository'

/** For the first run of a backup: refuses a repository that lies inside of another backup. @throws KB_LOCATION_INVALID */
export function assertNewPlace({ storage, beside }: OpenedStore, signal: AbortSignal): Promise<void> {
  return assertOutsideBackups(storage.location, { open: beside, signal })
}
