import type { BackupState } from '../format/backup-state.ts'
import type { Commit } from '../format/commit.ts'
import { invariant } from '../runtime/invariant.ts'
import type { ObjectEntry, StorageBackend } from '../storage/storage-backend.ts'
import { readCommit } from './commit-log.ts'
import { commitKey, isOrphanKey, ownerKey, parseKey } from './key-layout.ts'

/** An object that a commit freed and that is still there. Times in milliseconds, by the store's clock. */
export interface WaitingObject {
  readonly key: string
  readonly bytes: number
  /** The commit that freed it, and when that was created. */
  readonly commit: bigint
  readonly freedAtMs: number
  /** The partitions (`topic/partition`) that something was taken out of with it; none: it was an orphan. */
  readonly partitions: ReadonlySet<string>
  /** Of a document the number in its key, below which no commit names it; null: it is none. */
  readonly document: bigint | null
}

/** What lies below a backup and is named by nothing. */
export interface UnnamedObjects {
  readonly waiting: readonly WaitingObject[]
  /** No commit has ever named or freed them: left by a run that was killed, or about to be named by one that is alive. */
  readonly orphans: readonly ObjectEntry[]
}

const FOLDERS = ['artifacts', 'bundles', 'quarantine', 'topics'] as const

/** Asks the store what is there, and the commits that prune or compact what they freed. `state` is the newest one. */
export async function findUnnamed(
  storage: StorageBackend,
  state: BackupState,
  signal: AbortSignal,
): Promise<UnnamedObjects> {
  const unnamed = await listUnnamed(storage, state, signal)
  const waiting: WaitingObject[] = []
  const removals = [...state.prunes, ...state.compactions].sort((a, b) => (a < b ? 1 : -1))
  for (const number of removals) {
    if (unnamed.size === 0) break
    const { commit } = await readCommit(storage, state.backupId, number, signal)
    const freed = freedBy(commit).filter(({ owner }) => unnamed.has(owner))
    if (freed.length === 0) continue
    const entry = await storage.stat(commitKey(state.backupId, number), { signal })
    invariant(entry, 'a commit that was just read')
    for (const { owner, ...readBy } of freed) {
      for (const { key, bytes } of unnamed.get(owner) ?? [])
        waiting.push({ key, bytes, commit: number, freedAtMs: entry.modifiedMs, ...readBy })
      unnamed.delete(owner)
    }
  }
  const orphans = [...unnamed.values()].flatMap((own) =>
    own.filter(({ key }) => isOrphanKey(state.backupId, key)),
  )
  return { waiting: waiting.reverse(), orphans }
}

interface FreedObject extends Pick<WaitingObject, 'partitions' | 'document'> {
  /** The key that the commit names; what belongs to it goes with it. */
  readonly owner: string
}

/** What a commit frees. Of a bundle it does not say what was in it: in any of the partitions that the commit writes anew. */
function freedBy({ backupId, segments, pruned, compacted }: Commit): FreedObject[] {
  const { partitions = [], orphans = [], artifacts = [] } = pruned ?? {}
  const rewritten = new Set(
    compacted && segments.flatMap(({ parts }) => parts.map((part) => `${part.topic}/${part.partition}`)),
  )
  return [
    ...partitions.flatMap(({ topic, partition, objects }) =>
      objects.map((owner) => ({ owner, partitions: new Set([`${topic}/${partition}`]), document: null })),
    ),
    ...orphans.map((owner) => ({ owner, partitions: new Set<string>(), document: null })),
    ...artifacts.map((owner) => {
      const parsed = parseKey(backupId, owner)
      const document = parsed?.kind === 'artifact' ? parsed.number : null
      return { owner, partitions: new Set<string>(), document }
    }),
    ...(compacted?.objects ?? []).map((owner) => {
      const parsed = parseKey(backupId, owner)
      const own = parsed?.kind === 'segment' ? new Set([`${parsed.topic}/${parsed.partition}`]) : rewritten
      return { owner, partitions: own, document: null }
    }),
  ]
}

/** Unnamed segments, artifacts and quarantined batches with what belongs to them, which may be there without them, by the key that commits know. */
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
