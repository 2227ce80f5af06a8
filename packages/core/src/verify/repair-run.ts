import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { appendRemoval, type RemovalContext, renderAndTell } from '../repository/append-removal.ts'
import { type DeletionReport, deleteDue } from '../repository/delete-waiting.ts'
import type { WaitingObject } from '../repository/waiting-objects.ts'
import type { ObjectEntry } from '../storage/storage-backend.ts'
import { type PreparedRepair, type RepairPlan, repairedKey } from './repair-plan.ts'

/** What a repair may do beyond writing what was derived from commits. */
export interface RepairOptions {
  readonly isRemovingOrphans: boolean
  /** Younger orphans stay: a run that is alive may be about to name them. Milliseconds, by the store's clock. */
  readonly graceMs: number
}

/** What a repair did. */
export interface RepairReport {
  readonly plan: RepairPlan
  /** Numbers of the snapshots that were written. */
  readonly snapshots: readonly bigint[]
  readonly hasManifest: boolean
  /** The commit that declared the removal of orphans; null: there was none to remove. */
  readonly commit: bigint | null
  readonly removed: DeletionReport['deleted']
  /** Orphans that are younger than the grace. */
  readonly young: readonly ObjectEntry[]
  readonly refused: readonly { readonly key: string; readonly error: KafkaBackupError }[]
}

/**
 * Writes what a plan found missing or damaged; never a commit in the place of another. Orphans go like everything else: a commit says so
 * first, which a writer that slept until then runs into.
 * @throws KB_COMMIT_CONFLICT when a run that is alive has named an orphan, KB_USAGE, KB_STORAGE_*
 */
export async function runRepair(
  context: RemovalContext,
  prepared: PreparedRepair,
  options: RepairOptions,
): Promise<RepairReport> {
  const { storage, signal } = context
  const { plan, state } = prepared
  if (options.isRemovingOrphans && !plan.canRemoveOrphans) {
    throw new KafkaBackupError(
      'KB_COMMIT_CORRUPT',
      'a commit is damaged or lost: what nothing names may have been named by it; nothing was removed',
    )
  }
  const written = await writeSnapshots(context, plan)
  const report = { plan, ...written, hasManifest: false, commit: null, removed: [], young: [] }
  const isRemoving = options.isRemovingOrphans && plan.orphans.length > 0
  if (!state || (plan.manifest === null && !isRemoving)) return report
  const nowMs = await renderAndTell(storage, state, signal)
  if (!isRemoving) return { ...report, hasManifest: true }
  const isYoung = ({ modifiedMs }: ObjectEntry) => nowMs - modifiedMs < options.graceMs
  const old = plan.orphans.filter((entry) => !isYoung(entry))
  const young = plan.orphans.filter(isYoung)
  if (old.length === 0) return { ...report, hasManifest: true, young }
  const commit = await appendRemoval(context, state, {
    pruned: { partitions: [], orphans: old.map(({ key }) => key).sort() },
  })
  await renderAndTell(storage, state, signal)
  const due = old.map(({ key, bytes }): WaitingObject => {
    return { key, bytes, commit, freedAtMs: nowMs, partitions: new Set(), document: null }
  })
  const { deleted, refused } = await deleteDue(storage, due, signal)
  const all = [...written.refused, ...refused.map(({ object, error }) => ({ key: object.key, error }))]
  return { ...report, hasManifest: true, commit, removed: deleted, young, refused: all }
}

async function writeSnapshots(
  { storage, backupId, signal }: RemovalContext,
  { snapshots }: RepairPlan,
): Promise<Pick<RepairReport, 'snapshots' | 'refused'>> {
  const written: bigint[] = []
  const refused: { readonly key: string; readonly error: KafkaBackupError }[] = []
  for (const repair of snapshots) {
    const key = repairedKey(backupId, repair)
    try {
      if (repair.isDamaged) await storage.delete(key, { signal })
      await storage.put(key, repair.bytes, { signal })
      written.push(repair.number)
    } catch (error) {
      // A run that is alive writes the one that is due too.
      if (isKafkaBackupError(error, 'KB_OBJECT_EXISTS') && !repair.isDamaged) continue
      if (!isKafkaBackupError(error) || error.retryable) throw error
      refused.push({ key, error })
    }
  }
  return { snapshots: written, refused }
}
