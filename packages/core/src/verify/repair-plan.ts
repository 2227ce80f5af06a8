import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { BackupState } from '../format/backup-state.ts'
import { renderManifest } from '../format/manifest.ts'
import { encodeSnapshot } from '../format/snapshot.ts'
import { assertBackupId, parseKey, snapshotKey } from '../repository/key-layout.ts'
import { openBackup, readSnapshot, SNAPSHOT_INTERVAL } from '../repository/open-backup.ts'
import { encodeSnapshotObject } from '../repository/snapshot-object.ts'
import { findUnnamed } from '../repository/waiting-objects.ts'
import type { ObjectEntry, StorageBackend } from '../storage/storage-backend.ts'
import { type Finding, isDamageError } from './finding.ts'
import { type Inventory, takeInventory } from './inventory.ts'
import { logFindings } from './log-findings.ts'
import type { LogFold } from './log-fold.ts'
import { ManifestCheck } from './manifest-check.ts'
import { readManifestCopy } from './manifest-copy.ts'
import { NamedContent } from './named-content.ts'
import { SnapshotCheck } from './snapshot-check.ts'
import { walkLog } from './walk-log.ts'

/** A snapshot that is to be written; `isDamaged`: another object of its name has to go first. */
export interface SnapshotRepair {
  readonly number: bigint
  readonly bytes: Buffer
  readonly isDamaged: boolean
}

/** What a commit that is damaged or lost takes with it. */
export interface LostCommit {
  readonly finding: Finding
  /** The newest commit whose state can still be restored without it; null: there is none. */
  readonly restorableCommit: bigint | null
  /** Segments of that state that are not there any more: pruned since, or lost too. */
  readonly goneSegments: number
}

/** What a repair will do; nothing was changed yet. */
export interface RepairPlan {
  readonly backupId: string
  readonly location: string
  /** The newest commit that can be opened; null: none. */
  readonly commit: bigint | null
  /** Damage of the log. No repair writes over a commit. */
  readonly lost: readonly LostCommit[]
  /** A snapshot stands in for the commits that are damaged: the newest state is whole. */
  readonly isBridged: boolean
  readonly snapshots: readonly SnapshotRepair[]
  /** Why the manifest is rendered again; null: it is what it should be, or is evidence of lost commits and stays. */
  readonly manifest: 'missing' | 'damaged' | 'behind' | null
  /** Objects that no commit names. They may be removed only when every commit can be read. */
  readonly orphans: readonly ObjectEntry[]
  readonly canRemoveOrphans: boolean
}

/** A plan, and the state that it is made from. */
export interface PreparedRepair {
  readonly plan: RepairPlan
  readonly state: BackupState | null
}

/** Where a repair looks. */
export interface RepairSource {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly signal: AbortSignal
}

/**
 * Reads every commit, compares what was derived from them, and lists what nothing names. Changes nothing.
 * @throws KB_BACKUP_NOT_FOUND, KB_STORAGE_*
 */
export async function prepareRepair(source: RepairSource): Promise<PreparedRepair> {
  const { storage, backupId, signal } = source
  assertBackupId(backupId)
  const copy = await readManifestCopy(storage, backupId, signal)
  const inventory = await takeInventory(storage, backupId, signal)
  if (inventory.isEmpty) {
    throw new KafkaBackupError(
      'KB_BACKUP_NOT_FOUND',
      `there is no backup "${backupId}" in ${storage.location}`,
    )
  }
  const manifest = new ManifestCheck(copy)
  const snapshots = new SnapshotCheck({ storage, backupId, numbers: inventory.snapshots, signal })
  const rebuilt = new SnapshotRepairs(source, inventory)
  const content = new NamedContent()
  const walk = await walkLog({
    storage,
    backupId,
    listed: inventory.commits,
    signal,
    onCommit: async ({ commit }, fold) => {
      content.add(commit)
      manifest.compare(commit.number, fold)
      await snapshots.compare(commit.number, fold)
      await rebuilt.look(commit.number, fold)
    },
  })
  const names = { named: content.keys(), unnamed: content.unnamedOf(inventory) }
  const evidence = { backupId, inventory, walk, ...names, snapshots, manifest }
  const lostFindings = (await logFindings(evidence)).filter(({ severity, key }) => {
    return severity === 'damage' && parseKey(backupId, key)?.kind === 'commit'
  })
  const state = walk.fold.isExact ? walk.fold.state : await openedBySnapshot(source)
  const isWhole = lostFindings.length === 0
  // A manifest or a snapshot that is ahead of the log is all that is left of what was lost.
  const isEndLost = walk.fold.isExact && !isWhole
  const unnamed = state?.tip && !isEndLost ? await findUnnamed(storage, state, signal) : { orphans: [] }
  const plan: RepairPlan = {
    backupId,
    location: storage.location,
    commit: state?.tip?.number ?? null,
    lost: await Promise.all(lostFindings.map((finding) => lostCommit(source, finding, inventory))),
    isBridged: !walk.fold.isExact && state !== null,
    snapshots: rebuilt.all(),
    manifest: state && !isEndLost ? manifestFlaw(state, copy) : null,
    orphans: unnamed.orphans,
    canRemoveOrphans: isWhole,
  }
  return { plan, state }
}

/** Snapshots that are damaged, and the newest one that should be there and is not. */
class SnapshotRepairs {
  readonly #source: RepairSource
  readonly #listed: ReadonlySet<bigint>
  readonly #damaged: SnapshotRepair[] = []
  #missing: SnapshotRepair | null = null

  constructor(source: RepairSource, { snapshots }: Inventory) {
    this.#source = source
    this.#listed = new Set(snapshots)
  }

  /** To be called after commit `number` was folded. */
  async look(number: bigint, { isExact, state }: LogFold): Promise<void> {
    const isThere = this.#listed.has(number)
    // Behind a newer one it would save nobody anything.
    if (isThere) this.#missing = null
    if (!isExact || (!isThere && number % SNAPSHOT_INTERVAL !== 0n)) return
    if (isThere && (await this.#isWhole(number, state))) return
    const repair = { number, bytes: await encodeSnapshotObject(state), isDamaged: isThere }
    if (isThere) this.#damaged.push(repair)
    else this.#missing = repair
  }

  all(): SnapshotRepair[] {
    return this.#missing ? [...this.#damaged, this.#missing] : this.#damaged
  }

  async #isWhole(number: bigint, state: BackupState): Promise<boolean> {
    const { storage, backupId, signal } = this.#source
    try {
      const read = await readSnapshot(storage, backupId, number, signal)
      return encodeSnapshot(read).equals(encodeSnapshot(state))
    } catch (error) {
      if (!isDamageError(error)) throw error
      return false
    }
  }
}

async function openedBySnapshot({ storage, backupId, signal }: RepairSource): Promise<BackupState | null> {
  try {
    const state = await openBackup(storage, backupId, { signal })
    return state.tip ? state : null
  } catch (error) {
    if (isKafkaBackupError(error) && error.category === 'integrity') return null
    throw error
  }
}

async function lostCommit(
  { storage, backupId, signal }: RepairSource,
  finding: Finding,
  inventory: Inventory,
): Promise<LostCommit> {
  const parsed = parseKey(backupId, finding.key)
  const before = parsed?.kind === 'commit' ? parsed.number - 1n : 0n
  try {
    if (before === 0n) return { finding, restorableCommit: null, goneSegments: 0 }
    const { segments } = await openBackup(storage, backupId, { signal, asOfCommit: before })
    const goneSegments = segments.filter(({ key }) => !inventory.segments.has(key)).length
    return { finding, restorableCommit: before, goneSegments }
  } catch (error) {
    // An earlier commit is damaged too, and says what is left before it.
    if (!isKafkaBackupError(error) || error.category !== 'integrity') throw error
    return { finding, restorableCommit: null, goneSegments: 0 }
  }
}

function manifestFlaw(
  state: BackupState,
  copy: Awaited<ReturnType<typeof readManifestCopy>>,
): RepairPlan['manifest'] {
  if (copy.state === 'missing') return 'missing'
  if (copy.bytes.equals(renderManifest(state))) return null
  const isBehind = copy.commit !== null && state.tip !== null && copy.commit < state.tip.number
  return isBehind ? 'behind' : 'damaged'
}

/** Where a snapshot lies. */
export function repairedKey(backupId: string, { number }: SnapshotRepair): string {
  return snapshotKey(backupId, number)
}
