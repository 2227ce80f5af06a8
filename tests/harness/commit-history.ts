import type { Archive } from './archive.ts'
import { type CommitDocument, readCommits } from './committed-batches.ts'

/** What a commit adds to a partition. Offsets are decimal strings; `lineage` is left out in the first history. */
export interface PartDocument {
  readonly topic: string
  readonly partition: number
  readonly lineage?: number
  readonly begin_offset: string
  readonly next_offset: string
}

/** A commit with what it says about histories. */
export interface HistoryCommit extends CommitDocument {
  readonly segments: readonly {
    readonly key: string
    readonly bytes: number
    readonly parts: readonly PartDocument[]
  }[]
  readonly begins: readonly { readonly topic: string; readonly partition: number }[]
  readonly divergences?: readonly unknown[]
}

/** All commits by number. */
export async function readHistory(archive: Archive): Promise<HistoryCommit[]> {
  return (await readCommits(archive)) as HistoryCommit[]
}

/** First offset behind what is committed of a partition's history; 0 when nothing is. */
export async function committedEnd(
  archive: Archive,
  partition: { readonly topic: string; readonly partition: number; readonly lineage?: number },
): Promise<bigint> {
  const parts = (await readHistory(archive)).flatMap(({ segments }) =>
    segments.flatMap((entry) => entry.parts),
  )
  const own = parts.filter(
    (part) =>
      part.topic === partition.topic &&
      part.partition === partition.partition &&
      (part.lineage ?? 1) === (partition.lineage ?? 1),
  )
  return BigInt(own.at(-1)?.next_offset ?? 0)
}
