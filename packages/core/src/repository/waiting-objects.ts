import type { BackupState } from '../format/backup-state.ts'
import { invariant } from '../runtime/invariant.ts'
import type { ObjectEntry, StorageBackend } from '../storage/storage-backend.ts'
import { readCommit } from './commit-log.ts'
import { commitKey, isOrphanKey, ownerKey } from './key-layout.ts'

/** An object that a commit freed and that is still there. Times in milliseconds, by the store's clock. */
export interface WaitingObject {
  readonly key: string
  readonly bytes: number
  /** The commit that freed it, and when that was created. */
  readonly commit: bigint
  readonly freedAtMs: number
  /** The partition that it was pruned from; null: it was an orphan. */
  readonly partition: string | null
}

/** What lies below a backup and is named by nothing. */
export interface UnnamedObjects {
  readonly waiting: readonly WaitingObject[]
  /** No commit has ever named or freed them: left by a run that was killed, or about to be named by one that is alive. */
  readonly orphans: readonly ObjectEntry[]
}

const FOLDERS = ['bundles', 'quarantine', 'topics'] as const

/** Asks the store what is there, and the commits that prune what they freed. `state` is the newest one. */
export async function findUnnamed(
  storage: StorageBackend,
  state: BackupState,
  signal: AbortSignal,
): Promise<UnnamedObjects> {
  const unnamed = await listUnnamed(storage, state, signal)
  const waiting: WaitingObject[] = []
  for (const number of [...state.prunes].reverse()) {
    if (unnamed.size === 0) break
    const { commit } = await readCommit(storage, state.backupId, number, signal)
    const { partitions = [], orphans = [] } = commit.pruned ?? {}
    const freed = [
      ...partitions.flatMap(({ topic, partition, objects }) =>
        objects.map((owner) => ({ owner, partition: `${topic}/${partition}` })),
      ),
      ...orphans.map((owner) => ({ owner, partition: null })),
    ].filter(({ owner }) => unnamed.has(owner))
    if (freed.length === 0) continue
    const entry = await storage.stat(commitKey(state.backupId, number), { signal })
    invariant(entry, 'a commit that was just read')
    for (const { owner, partition } of freed) {
      for (const { key, bytes } of unnamed.get(owner) ?? [])
        waiting.push({ key, bytes, commit: number, freedAtMs: entry.modifiedMs, partition })
      unnamed.delete(owner)
    }
  }
  const orphans = [...unnamed.values()].flatMap((own) =>
    own.filter(({ key }) => isOrphanKey(state.backupId, key)),
  )
  return { waiting: waiting.reverse(), orphans }
}

/** Unnamed segments and quarantined batches with what belongs to them, which may be there without them, by the key that commits know. */
async function listUnnamed(
  storage: StorageBackend,
  state: BackupState,
  signal: AbortSignal,
): Promise<Map<string, ObjectEntry[]>> {
  const { backupId } = state
  const named = new Set([...state.segments, ...state.artifacts].map(({ key }) => key))
  const unnamed = new Map<string, ObjectEntry[]>()
  for (const folder of FOLDERS) {
    for await (const entry of storage.list(`${backupId}/${folder}/`, { signal })) {
      const owner = ownerKey(backupId, entry.key)
      if (named.has(owner) || !isOrphanKey(backupId, owner)) continue
      const own = unnamed.get(owner)
      if (own) own.push(entry)
      else unnamed.set(owner, [entry])
    }
  }
  return unnamed
}
