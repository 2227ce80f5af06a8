import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { ArtifactRecord } from '../format/commit.ts'
import { hasEverything } from '../format/run-record.ts'
import { readArtifact } from '../repository/artifacts.ts'
import { assertBackupId, commitKey, ownerKey, parseKey } from '../repository/key-layout.ts'
import { isNamed } from '../repository/newest-document.ts'
import { openUndamaged, removalsIn } from '../repository/removal-of.ts'
import type { TransformsById } from '../repository/segment-reader.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import { shellWord } from '../runtime/shell-word.ts'
import type { ObjectEntry, StorageBackend } from '../storage/storage-backend.ts'
import { checkLedgers } from './check-ledgers.ts'
import { checkMinima } from './check-minima.ts'
import { checkSegment } from './check-segment.ts'
import { type AffectedPartition, damageFrom, type Finding, isDamageError } from './finding.ts'
import { type Inventory, partitionOfKey, takeInventory } from './inventory.ts'
import { logFindings } from './log-findings.ts'
import { ManifestCheck } from './manifest-check.ts'
import { readManifestCopy } from './manifest-copy.ts'
import { NamedContent } from './named-content.ts'
import { PartitionSet, touchedBy } from './partition-set.ts'
import { SnapshotCheck } from './snapshot-check.ts'
import type { ValidationProgress, ValidationReport, ValidationVerdict } from './validation-report.ts'
import { type LogWalk, walkLog } from './walk-log.ts'

const CONCURRENT_SEGMENTS = 4

/** What to validate. `isDeep`: read every data frame too, not only what describes them. */
export interface ValidateOptions {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly transforms: TransformsById
  readonly isDeep: boolean
  readonly clock?: Clock
  /** Told after each piece that was checked; must return at once. */
  readonly onProgress?: (progress: ValidationProgress) => void
  readonly signal?: AbortSignal
}

/**
 * Checks a backup against its commits, and every object below its folder. Damage is in the report and never thrown: what
 * can be checked behind it is checked. Changes nothing.
 * @throws KB_BACKUP_NOT_FOUND, KB_USAGE for an impossible id, KB_STORAGE_* when the store cannot be read
 */
export async function validateBackup(options: ValidateOptions): Promise<ValidationReport> {
  assertBackupId(options.backupId)
  const validation = new Validation(options)
  return validation.run()
}

class Validation {
  readonly #options: ValidateOptions
  readonly #clock: Clock
  readonly #beganMs: number
  readonly #named = new NamedContent()
  #checkedBytes = 0
  #doneSegments = 0

  constructor(options: ValidateOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#beganMs = this.#clock.monotonicMs()
  }

  async run(): Promise<ValidationReport> {
    const { storage, backupId, signal } = this.#options
    // First the manifest, then the listing, then the commits: a run that goes on meanwhile can only make later ones newer.
    const manifest = await readManifestCopy(storage, backupId, signal)
    const inventory = await takeInventory(storage, backupId, signal)
    if (inventory.isEmpty) throw this.#notFound()
    const manifestCheck = new ManifestCheck(manifest)
    const numbers = inventory.snapshots
    const snapshotCheck = new SnapshotCheck({ storage, backupId, numbers, signal })
    const walk = await this.#walk(inventory, manifestCheck, snapshotCheck)
    const named = this.#named.keys()
    const unnamed = this.#named.unnamedOf(inventory)
    const derived = { snapshots: snapshotCheck, manifest: manifestCheck }
    const ofLog = await logFindings({ backupId, inventory, walk, named, unnamed, ...derived })
    const isLogWhole = !ofLog.some(({ severity, key }) => {
      return severity === 'damage' && parseKey(backupId, key)?.kind === 'commit'
    })
    const findings = [
      ...ofLog,
      ...(await this.#checkSegments(inventory)),
      ...(await this.#checkArtifacts(walk)),
      ...(await checkMinima(storage, inventory, { backupId, ...this.#named }, signal)),
      ...(await checkLedgers(storage, backupId, inventory.restores, signal)),
      ...this.#foreign(inventory, walk),
      ...this.#orphans(unnamed, isLogWhole),
    ]
    return this.#report(inventory, walk, { findings, isLogWhole })
  }

  #walk(inventory: Inventory, manifest: ManifestCheck, snapshots: SnapshotCheck): Promise<LogWalk> {
    const { storage, backupId, signal } = this.#options
    return walkLog({
      storage,
      backupId,
      listed: inventory.commits,
      signal,
      onCommit: async ({ commit }, fold) => {
        this.#named.add(commit)
        manifest.compare(commit.number, fold)
        await snapshots.compare(commit.number, fold)
      },
    })
  }

  async #checkSegments(inventory: Inventory): Promise<Finding[]> {
    const { storage, backupId, transforms, isDeep, signal } = this.#options
    const onChecked = (bytes: number) => this.#progress(bytes)
    const withMinima = new Set([...inventory.minima.keys()].map((key) => ownerKey(backupId, key)))
    const hasMinima = (key: string) => withMinima.has(key)
    const context = { storage, backupId, transforms, isDeep, hasMinima, signal, onChecked }
    const findings: Finding[][] = []
    await runConcurrently(this.#named.segments, CONCURRENT_SEGMENTS, async (record, at) => {
      signal?.throwIfAborted()
      // A commit may be younger than the listing.
      const entry =
        inventory.segments.get(record.key) ?? (await storage.stat(record.key, signal ? { signal } : {}))
      findings[at] = await checkSegment(context, record, entry?.bytes)
      this.#doneSegments++
      this.#progress(0)
    })
    return this.#withoutRemoved(findings)
  }

  /** What the walk still named may have been deleted meanwhile: the commit that says so is asked for once everything was looked at. */
  async #withoutRemoved(findings: readonly Finding[][]): Promise<Finding[]> {
    const isGone = (own: readonly Finding[]) => own.some(({ code }) => code === 'KB_OBJECT_NOT_FOUND')
    if (!findings.some(isGone)) return findings.flat()
    const { storage, backupId, signal } = this.#options
    const newest = await openUndamaged(storage, backupId, signal)
    const removalOf = newest && removalsIn(newest)
    const isRemoved = (at: number) => {
      const segment = this.#named.segments[at]
      const part = segment?.parts[0]
      return segment && part && removalOf?.({ segment, part }) !== undefined
    }
    return findings.filter((own, at) => !(isGone(own) && isRemoved(at))).flat()
  }

  async #checkArtifacts(walk: LogWalk): Promise<Finding[]> {
    const { storage, signal } = this.#options
    const findings: Finding[] = []
    for (const { record, commit } of this.#named.artifacts) {
      try {
        await readArtifact(storage, record, signal)
      } catch (error) {
        if (!isDamageError(error)) throw error
        if (error.code === 'KB_OBJECT_NOT_FOUND' && (await this.#isPrunedMeanwhile(record))) continue
        const own = touchedBy(commit)
        findings.push(damageFrom(error, record.key, own.length > 0 ? own : this.#allPartitions(walk)))
      }
    }
    return findings
  }

  /** A commit that is younger than the walk may have freed it, and it was deleted. */
  async #isPrunedMeanwhile(record: ArtifactRecord): Promise<boolean> {
    const { storage, backupId, signal } = this.#options
    const newest = await openUndamaged(storage, backupId, signal)
    return newest !== null && !isNamed(newest, record)
  }

  #foreign(inventory: Inventory, walk: LogWalk): Finding[] {
    const { backupId } = this.#options
    const foreign = (key: string, message: string): Finding => {
      return { severity: 'foreign', code: 'KB_VALIDATION_FAILED', key, partitions: [], message }
    }
    return [
      ...inventory.unknown.map(({ key }) => foreign(key, 'it does not belong to a backup')),
      ...walk.strayNumbers.map((number) => {
        return foreign(commitKey(backupId, number), 'it is no commit, and no commits lead to its number')
      }),
    ]
  }

  #orphans(unnamed: readonly ObjectEntry[], isLogWhole: boolean): Finding[] {
    const message = isLogWhole
      ? 'no commit names it: a run was ended before it could commit it'
      : 'no commit that can be read names it'
    return unnamed.map(({ key }) => {
      const partition = partitionOfKey(this.#options.backupId, key)
      const partitions = partition ? [partition] : []
      return { severity: 'note', code: 'KB_VALIDATION_FAILED', key, partitions, message }
    })
  }

  /** What was pruned and is still there: a later prune deletes it. */
  #waiting({ segments, artifacts, minima }: Inventory) {
    const { backupId } = this.#options
    return [...segments.values(), ...artifacts.values(), ...minima.values()].filter(({ key }) =>
      this.#named.pruned.has(ownerKey(backupId, key)),
    )
  }

  #report(
    inventory: Inventory,
    walk: LogWalk,
    { findings, isLogWhole }: { findings: readonly Finding[]; isLogWhole: boolean },
  ): ValidationReport {
    const { storage, backupId, isDeep } = this.#options
    const { segments, commits, gaps, divergences } = this.#named
    const parts = segments.flatMap((segment) => segment.parts)
    const orphans = this.#named.unnamedOf(inventory)
    const waiting = this.#waiting(inventory)
    const sum = <T>(items: readonly T[], pick: (item: T) => number) =>
      items.reduce((total, item) => total + pick(item), 0)
    return {
      backupId,
      location: storage.location,
      isDeep,
      verdict: this.#verdict(findings),
      commits,
      segments: segments.length,
      storedBytes: sum(segments, (segment) => segment.bytes),
      checkedBytes: this.#checkedBytes,
      partitions: walk.fold.state.partitionCount,
      records: sum(parts, (part) => part.records),
      gaps,
      divergences,
      pruned: { objects: waiting.length, bytes: sum(waiting, (entry) => entry.bytes) },
      orphans: {
        objects: orphans.length,
        bytes: sum(orphans, (entry) => entry.bytes),
        mayBeOfLostCommits: !isLogWhole,
      },
      findings,
      durationMs: this.#clock.monotonicMs() - this.#beganMs,
    }
  }

  #verdict(findings: readonly Finding[]): ValidationVerdict {
    if (findings.some((finding) => finding.severity !== 'note')) return 'damaged'
    const { gaps, lastRun } = this.#named
    return gaps.length === 0 && lastRun !== null && hasEverything(lastRun) ? 'complete' : 'incomplete'
  }

  #allPartitions(walk: LogWalk): AffectedPartition[] {
    const names = walk.fold.state.partitions().map(({ topic, partition }) => ({ topic, partition }))
    return new PartitionSet(names).sorted()
  }

  #progress(bytes: number): void {
    this.#checkedBytes += bytes
    this.#options.onProgress?.({
      doneSegments: this.#doneSegments,
      segments: this.#named.segments.length,
      checkedBytes: this.#checkedBytes,
    })
  }

  #notFound(): KafkaBackupError {
    const { storage, backupId } = this.#options
    const message = `there is no backup "${backupId}" in ${storage.location}`
    return new KafkaBackupError('KB_BACKUP_NOT_FOUND', message, {
      context: { backup: backupId },
      hint: `List the backups there with: kafka-backup list --repo ${shellWord(storage.location)}`,
    })
  }
}
