import { commitKey } from '../repository/key-layout.ts'
import type { ObjectEntry } from '../storage/storage-backend.ts'
import { type AffectedPartition, damage, type Finding } from './finding.ts'
import { type Inventory, partitionOfKey } from './inventory.ts'
import type { BrokenCommit } from './log-fold.ts'
import type { ManifestCheck } from './manifest-check.ts'
import { PartitionSet } from './partition-set.ts'
import type { SnapshotCheck } from './snapshot-check.ts'
import type { LogWalk } from './walk-log.ts'

/**
 * What the findings about documents are made from. `named` are the keys of segments that some commit names, `unnamed` all objects
 * that none names.
 */
export interface LogEvidence {
  readonly backupId: string
  readonly inventory: Inventory
  readonly walk: LogWalk
  readonly named: ReadonlySet<string>
  readonly unnamed: readonly ObjectEntry[]
  readonly snapshots: SnapshotCheck
  readonly manifest: ManifestCheck
}

/** Findings about commits, snapshots and the manifest, once the whole log was walked. */
export async function logFindings(evidence: LogEvidence): Promise<Finding[]> {
  const { walk, snapshots, manifest, inventory, unnamed } = evidence
  const { fold, lastNumber } = walk
  const known = knownPartitions(evidence)
  const all = known.sorted()
  const hasUnnamedArtifacts = unnamed.some(({ key }) => inventory.artifacts.has(key))
  const end = { fold, lastNumber, hasUnnamedArtifacts }
  const proven = [await snapshots.readRest(), manifest.provenNumber(end)]
  const lostNumber = proven.reduce((max, number) => (number > max ? number : max))
  return [
    ...fold.broken.map((broken) => brokenFinding(evidence, broken, known)),
    ...(lostNumber > lastNumber ? [lostEndFinding(evidence, lostNumber, all)] : []),
    ...snapshots.findings(all, lastNumber),
    ...manifest.findings(end, all),
  ]
}

/** Partitions of the readable commits and of the segments in the store. */
function knownPartitions({ backupId, inventory, walk }: LogEvidence): PartitionSet {
  const known = new PartitionSet()
  for (const { topic, partition } of walk.fold.state.partitions()) known.add({ topic, partition })
  for (const key of inventory.segments.keys()) {
    const partition = partitionOfKey(backupId, key)
    if (partition) known.add(partition)
  }
  return known
}

function brokenFinding(evidence: LogEvidence, broken: BrokenCommit, known: PartitionSet): Finding {
  const { walk, manifest } = evidence
  const concerned = new PartitionSet(broken.partitions.sorted().filter((entry) => known.has(entry)))
  // A document that is gone says nothing; what no other commit names may have been named by it.
  if (broken.code === 'KB_OBJECT_NOT_FOUND') addUnnamed(evidence, concerned)
  // What the newest manifest shows beyond the commits that can be read is what the others held.
  if (!broken.isKnown && manifest.commit === walk.lastNumber) {
    for (const entry of manifest.differing(walk.fold).sorted()) if (known.has(entry)) concerned.add(entry)
  }
  const partitions = concerned.size > 0 ? concerned : known
  return damage(broken.code, broken.key, partitions.sorted(), broken.message)
}

function lostEndFinding(evidence: LogEvidence, number: bigint, all: readonly AffectedPartition[]): Finding {
  const { backupId, walk, manifest } = evidence
  const first = walk.lastNumber + 1n
  const concerned = manifest.differing(walk.fold)
  addUnnamed(evidence, concerned)
  const partitions = concerned.size > 0 ? concerned.sorted() : all
  const what = number === first ? `commit ${first} is` : `commits ${first} to ${number} are`
  const message = `${what} missing: what was derived from commit ${number} is still there`
  return damage('KB_OBJECT_NOT_FOUND', commitKey(backupId, first), partitions, message)
}

/** Adds the partitions of segments that no readable commit names. */
function addUnnamed({ backupId, inventory, named }: LogEvidence, concerned: PartitionSet): void {
  for (const key of inventory.segments.keys()) {
    const partition = named.has(key) ? undefined : partitionOfKey(backupId, key)
    if (partition) concerned.add(partition)
  }
}
