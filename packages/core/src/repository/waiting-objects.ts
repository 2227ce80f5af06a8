import type { BackupState } from '../format/backup-state.ts'
import { invariant } from '../runtime/invariant.ts'
import type { ObjectEntry, StorageBackend } from '../storage/storage-backend.ts'
import { readCommit } from './commit-log.ts'
import { commitKey, isOrphanKey } from './key-layout.ts'

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
        objects.map((key) => ({ key, partition: `${topic}/${partition}` })),
      ),
      ...orphans.map((key) => ({ key, partition: null })),
    ].filter(({ key }) => unnamed.has(key))
    if (freed.length === 0) continue
    const entry = await storage.stat(commitKey(state.backupId, number), { signal })
    invariant(entry, 'a commit that was just read')
    for (const { key, partition } of freed) {
      waiting.push({
        key,
        bytes: unnamed.get(key)?.bytes ?? 0,
        commit: number,
        freedAtMs: entry.modifiedMs,
        partition,
      })
      unnamed.delete(key)
    }
  }
  return { waiting: waiting.reverse(), orphans: [...unnamed.values()] }
}

async function listUnnamed(
  storage: StorageBackend,
  state: BackupState,
  signal: AbortSignal,
): Promise<Map<string, ObjectEntry>> {
  const named = new Set([...state.segments, ...state.artifacts].map(({ key }) => key))
  const unnamed = new Map<string, ObjectEntry>()
  for (const folder of FOLDERS) {
    for await (const entry of storage.list(`${state.backupId}/${folder}/`, { signal })) {
      if (!named.has(entry.key) && isOrphanKey(state.backupId, entry.key)) unnamed.set(entry.key, entry)
    }
  }
  return unnamed
}
