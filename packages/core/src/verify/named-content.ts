import type { ArtifactRecord, Commit, DivergenceRecord, GapRecord } from '../format/commit.ts'
import type { RunRecord } from '../format/run-record.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import type { ObjectEntry } from '../storage/storage-backend.ts'
import type { Inventory } from './inventory.ts'

/** An artifact and the commit that names it. */
export interface NamedArtifact {
  readonly record: ArtifactRecord
  readonly commit: Commit
}

/** What the commits that can be read name, in order, without what later ones pruned or replaced. */
export class NamedContent {
  segments: SegmentRecord[] = []
  artifacts: NamedArtifact[] = []
  gaps: GapRecord[] = []
  readonly divergences: DivergenceRecord[] = []
  /** Keys of what was pruned or replaced, and of orphans that were declared removed: their objects may be there or not. */
  readonly pruned = new Set<string>()
  commits = 0
  /** As its last commit tells of it; null before the first. */
  lastRun: RunRecord | null = null

  add(commit: Commit): void {
    this.commits++
    this.lastRun = commit.run ?? this.lastRun
    this.segments.push(...commit.segments)
    this.gaps.push(...commit.gaps)
    this.divergences.push(...commit.divergences)
    this.artifacts.push(...commit.artifacts.map((record) => ({ record, commit })))
    if (commit.pruned) this.#prune(commit.pruned)
    if (commit.compacted) this.#drop(commit.compacted.objects)
  }

  /** Keys of the segments. */
  keys(): ReadonlySet<string> {
    return new Set(this.segments.map(({ key }) => key))
  }

  /** Segments, artifacts and quarantined batches that none of these commits ever named. */
  unnamedOf({ segments, artifacts }: Inventory): ObjectEntry[] {
    const named = new Set([...this.keys(), ...this.artifacts.map(({ record }) => record.key), ...this.pruned])
    return [...segments.values(), ...artifacts.values()].filter(({ key }) => !named.has(key))
  }

  #drop(keys: readonly string[]): void {
    for (const key of keys) this.pruned.add(key)
    this.segments = this.segments.filter(({ key }) => !this.pruned.has(key))
  }

  #prune({ partitions, orphans, artifacts = [] }: NonNullable<Commit['pruned']>): void {
    this.#drop([...partitions.flatMap(({ objects }) => objects), ...orphans, ...artifacts])
    this.artifacts = this.artifacts.filter(({ record }) => !this.pruned.has(record.key))
    this.gaps = this.gaps.filter(
      (gap) =>
        !partitions.some(
          ({ topic, partition, lineage, endOffset }) =>
            gap.topic === topic &&
            gap.partition === partition &&
            gap.lineage === lineage &&
            gap.endOffset <= endOffset,
        ),
    )
  }
}
