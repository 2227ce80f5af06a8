import type { OffsetChange, SeenCommit } from './offset-state.ts'

/**
 * Keeps what a run says of itself where `status` finds it, and the highest commit that was ever seen. It is a cache: whatever it
 * loses or gets wrong, a backup reads and writes the same. Calls are not concurrent: await one before the next.
 */
export interface CheckpointCache {
  /** Where it is, for people; null: nowhere but in memory. */
  readonly place: string | null

  /** Replaces everything about the backup, and tells what was the highest commit of it that it had seen; null: none. It may be tried again. */
  begin(change: OffsetChange): Promise<SeenCommit | null>

  /** Takes what has changed since, after a `begin` that succeeded. What a call that fails was told is not told again: the next one makes up for it. */
  save(change: OffsetChange): Promise<void>

  /** What it was told of this backup, as a database of docs/format/offset-state.md, wherever it is kept. */
  render(): Promise<Uint8Array>

  /** Gives the place free; what is still under way when the signal is aborted is given up. Nothing can be called after it. */
  close(signal: AbortSignal): Promise<void>
}

/** Where a cache is, and whom it tells what it could mend by itself. */
export interface CachePlace {
  /** Of a file, for those that are in one. */
  readonly path: string
  readonly warn: (text: string) => void
}

/** Makes a cache. Nothing is opened before `begin`. */
export type CheckpointCacheFactory = (place: CachePlace) => CheckpointCache
