import { type ArchivedState, foldCommits, type HistoryPiece } from './archive-history.ts'
import { batchesOf, type CommitDocument, type PrunedDocument } from './archive-reading.ts'
import type { PruneStep } from './maintenance-step.ts'

/** What a prune was asked for, and when; milliseconds since 1970. */
export interface PrunePromise {
  readonly step: PruneStep
  readonly askedAtMs: number
}

/** The backup before a commit that prunes. */
interface PruneCase {
  readonly objects: ReadonlyMap<string, { readonly bytes: Buffer }>
  readonly backupId: string
}

/** What a commit takes out that its prune was not asked to take, for people. */
export function brokenPromises(
  { objects, backupId }: PruneCase,
  { pruned }: CommitDocument,
  { step, askedAtMs }: PrunePromise,
): string[] {
  const state = foldCommits(objects, backupId)
  const ranges = pruned?.partitions ?? []
  const { olderThanMs, maxBytes, keepRuns } = step
  const broken: string[] = []
  if (olderThanMs !== null && maxBytes === null)
    broken.push(...youngerOnes(objects, state, ranges, askedAtMs - olderThanMs))
  if (keepRuns !== null) broken.push(...keptOnes({ objects, backupId }, state, ranges, keepRuns))
  const artifacts = pruned?.artifacts ?? []
  const beforeMs = olderThanMs === null ? null : askedAtMs - olderThanMs
  broken.push(...neededDocuments(state, artifacts, { beforeMs, keepRuns }))
  return broken
}

/** Documents that nothing had superseded by the time that was asked for, and before the runs that are kept. */
function neededDocuments(
  { commits }: ArchivedState,
  taken: readonly string[],
  { beforeMs, keepRuns }: { readonly beforeMs: number | null; readonly keepRuns: number | null },
): string[] {
  const kept = keepRuns === null ? commits.length : firstKept(commits, keepRuns)
  const documents = commits.flatMap(({ artifacts }, at) => artifacts.map((artifact) => ({ ...artifact, at })))
  return taken.flatMap((key) => {
    const own = documents.find((document) => document.key === key)
    const next = documents.findIndex(({ kind, at }) => kind === own?.kind && at > own.at)
    const heir = documents[next]
    if (!own || !heir) return `${key} goes, and it is the newest of its kind`
    if (heir.at >= kept) return `${key} goes, and what was kept began before it was superseded`
    if (beforeMs === null) return []
    const isOld = commits.slice(heir.at).some((commit) => Number(commit.created_at) <= beforeMs)
    return isOld ? [] : `${key} goes with those before ${beforeMs}, and was superseded later`
  })
}

function youngerOnes(
  objects: PruneCase['objects'],
  state: ArchivedState,
  ranges: readonly PrunedDocument[],
  beforeMs: number,
): string[] {
  return ranges.flatMap((range) =>
    piecesIn(state, range).flatMap((piece) => {
      if (piece.kind !== 'part') return []
      const { segment, part } = piece
      const bytes = objects.get(segment.key)?.bytes
      const batches = bytes ? batchesOf(bytes, part) : []
      const young = batches.find(
        ({ isControl, maxTimestamp }) => !isControl && maxTimestamp >= BigInt(beforeMs),
      )
      return young
        ? `${segment.key} has records of ${young.maxTimestamp}, and goes with those before ${beforeMs}`
        : []
    }),
  )
}

/** What the last complete runs added stays. */
function keptOnes(
  { objects, backupId }: PruneCase,
  { commits }: ArchivedState,
  ranges: readonly PrunedDocument[],
  keepRuns: number,
): string[] {
  const floor = foldCommits(objects, backupId, firstKept(commits, keepRuns))
  return ranges.flatMap(({ topic, partition, lineage = 1, end_offset }) => {
    const own = floor.histories.find(
      (entry) => entry.topic === topic && entry.partition === partition && entry.lineage === lineage,
    )
    if (own && own.nextOffset >= BigInt(end_offset)) return []
    const name = `${topic}/${partition} lineage ${lineage}`
    return `${name} goes up to ${end_offset}, and the ${keepRuns} runs that are kept began at ${own?.nextOffset}`
  })
}

/** How many commits there were before what the last complete runs added. */
function firstKept(commits: readonly CommitDocument[], keepRuns: number): number {
  const complete = commits.filter(({ run }) => run?.outcome === 'complete').slice(-keepRuns)
  const kept = new Set(complete.map(({ run }) => run!.id))
  return complete.length < keepRuns ? 0 : commits.findIndex(({ run }) => run !== null && kept.has(run.id))
}

function piecesIn(state: ArchivedState, range: PrunedDocument): readonly HistoryPiece[] {
  const { topic, partition, lineage = 1 } = range
  const own = state.histories.find(
    (entry) => entry.topic === topic && entry.partition === partition && entry.lineage === lineage,
  )
  const isWithin = (piece: HistoryPiece) =>
    piece.kind === 'part' && BigInt(piece.part.begin_offset) < BigInt(range.end_offset)
  return own?.pieces.filter(isWithin) ?? []
}
