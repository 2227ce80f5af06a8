import type { BackupState } from '../format/backup-state.ts'
import type { Commit } from '../format/commit.ts'
import { renderManifest } from '../format/manifest.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { invariant } from '../runtime/invariant.ts'
import type { Random } from '../runtime/random.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { appendCommit, type CommitDraft } from './commit-log.ts'
import { assertCreatesOnce } from './exclusive-creation.ts'
import { manifestKey } from './key-layout.ts'
import { writeSnapshotIfDue } from './open-backup.ts'

/** Where something is taken out of a backup, and by whom. */
export interface RemovalContext {
  readonly storage: StorageBackend
  readonly backupId: string
  readonly program: string
  readonly clock?: Clock
  readonly random: Random
  readonly signal: AbortSignal
}

/** What is taken out: with nothing in its place, or replaced by segments. */
export type Removal =
  | Required<Pick<Commit, 'pruned'>>
  | (Pick<Commit, 'segments'> & Required<Pick<Commit, 'compacted'>>)

const WRITER_BYTES = 4

/**
 * Appends a commit that takes something out, and a snapshot when that is due.
 * @throws KB_COMMIT_CONFLICT, KB_STORAGE_UNSUPPORTED when the store would have written over a commit
 */
export async function appendRemoval(
  { storage, backupId, program, random, signal, clock = systemClock }: RemovalContext,
  state: BackupState,
  removal: Removal,
): Promise<bigint> {
  await assertCreatesOnce(storage, state, clock, signal)
  const { source } = state
  invariant(source, 'a backup with commits has a source')
  const nothing = { topics: [], begins: [], segments: [], gaps: [], divergences: [], artifacts: [] }
  const draft: CommitDraft = {
    backupId,
    writer: random.hex(WRITER_BYTES),
    program,
    createdAtMs: BigInt(Math.trunc(clock.nowMs())),
    run: null,
    source,
    ...nothing,
    ...removal,
  }
  const { number } = await appendCommit(storage, state, draft, signal)
  await writeSnapshotIfDue(storage, state)
  return number
}

/** Writes the manifest, and returns what time it is for the store. */
export async function renderAndTell(
  storage: StorageBackend,
  state: BackupState,
  signal: AbortSignal,
): Promise<number> {
  const key = manifestKey(state.backupId)
  await storage.replace(key, renderManifest(state), { signal })
  const entry = await storage.stat(key, { signal })
  invariant(entry, 'a manifest that was just written')
  return entry.modifiedMs
}
