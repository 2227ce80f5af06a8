import type { BackupPlan, BackupState, GroupReading, Lease, StorageBackend } from '@kafka-backup/core'
import { acquireLease, NO_LEASE } from '@kafka-backup/core/repository'
import { thisProcess } from '@kafka-backup/core/runtime'
import { beforeWriting } from './before-writing.ts'
import type { CommandContext } from './command.ts'
import { PROGRAM } from './program-name.ts'

/** What a backup is about to do, and what it knows of the repository. */
export interface PreparedBackup {
  /** Wall clock, before anything was asked. */
  readonly lookedAtMs: number
  readonly plan: BackupPlan
  readonly state: BackupState
  /** Read before the plan was made; undefined: they are not wanted. */
  readonly groups: GroupReading | undefined
}

/**
 * Runs a backup while it holds a lease on its partitions. `prepare` is called once more when another run had to be watched
 * first: it may have made commits meanwhile. @throws KB_LEASE_HELD
 */
export async function withLease<T>(
  context: CommandContext,
  storage: StorageBackend,
  {
    prepared,
    prepare,
  }: { readonly prepared: PreparedBackup; readonly prepare: () => Promise<PreparedBackup> },
  run: (prepared: PreparedBackup, lease: Lease) => Promise<T>,
): Promise<T> {
  await using lease = await beforeWriting(() => leaseFor(context, storage, prepared.plan))
  return await run(lease.hasWaited ? await beforeWriting(prepare) : prepared, lease)
}

/** A run whose user wants no lease has one that is nowhere. */
async function leaseFor(context: CommandContext, storage: StorageBackend, plan: BackupPlan): Promise<Lease> {
  const { loaded, clock, random, observe, signal } = context
  if (!loaded.config.backup.hasLease) return NO_LEASE
  const { backupId, partitions } = plan
  const about = { storage, backupId, partitions, program: PROGRAM, identity: thisProcess }
  return acquireLease({ ...about, clock, random, observe, signal })
}
