import { parseKey } from '../repository/key-layout.ts'
import type { ObjectEntry, StorageBackend } from '../storage/storage-backend.ts'
import type { PartitionName } from './partition-set.ts'

/** What lies below a backup's folder, by kind. */
export interface Inventory {
  /** Segments and bundles by key. */
  readonly segments: ReadonlyMap<string, ObjectEntry>
  /** Numbers in ascending order. */
  readonly commits: readonly bigint[]
  readonly snapshots: readonly bigint[]
  readonly artifacts: ReadonlyMap<string, ObjectEntry>
  /** Kept minima by their own keys. */
  readonly minima: ReadonlyMap<string, ObjectEntry>
  /** Ids of restores that have a ledger, ascending. */
  readonly restores: ReadonlySet<string>
  /** Objects whose keys say nothing to us. */
  readonly unknown: readonly ObjectEntry[]
  readonly isEmpty: boolean
}

/** Lists every object of a backup once. */
export async function takeInventory(
  storage: StorageBackend,
  backupId: string,
  signal?: AbortSignal,
): Promise<Inventory> {
  const segments = new Map<string, ObjectEntry>()
  const artifacts = new Map<string, ObjectEntry>()
  const minima = new Map<string, ObjectEntry>()
  const commits: bigint[] = []
  const snapshots: bigint[] = []
  const restores = new Set<string>()
  const unknown: ObjectEntry[] = []
  let isEmpty = true
  for await (const entry of storage.list(`${backupId}/`, signal ? { signal } : {})) {
    isEmpty = false
    const parsed = parseKey(backupId, entry.key)
    if (!parsed) unknown.push(entry)
    else if (parsed.kind === 'segment' || parsed.kind === 'bundle') segments.set(entry.key, entry)
    else if (parsed.kind === 'artifact' || parsed.kind === 'quarantine') artifacts.set(entry.key, entry)
    else if (parsed.kind === 'minima') minima.set(entry.key, entry)
    else if (parsed.kind === 'restore') restores.add(parsed.restoreId)
    else if (parsed.kind === 'commit') commits.push(parsed.number)
    else if (parsed.kind === 'snapshot') snapshots.push(parsed.number)
  }
  return { segments, commits, snapshots, artifacts, minima, restores, unknown, isEmpty }
}

/** The partition that a segment's key names; a bundle's key names none. */
export function partitionOfKey(backupId: string, key: string): PartitionName | undefined {
  const parsed = parseKey(backupId, key)
  const isOfPartition = parsed?.kind === 'segment' || parsed?.kind === 'quarantine'
  return isOfPartition ? { topic: parsed.topic, partition: parsed.partition } : undefined
}
