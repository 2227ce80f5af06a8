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
  return broken
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
  const complete = commits.filter(({ run }) => run?.outcome === 'complete').slice(-keepRuns)
  const kept = new Set(complete.map(({ run }) => run!.id))
  const first =
    complete.length < keepRuns ? 0 : commits.findIndex(({ run }) => run !== null && kept.has(run.id))
  const floor = foldCommits(objects, backupId, first)
  return ranges.flatMap(({ topic, partition, lineage = 1, end_offset }) => {
    const own = floor.histories.find(
      (entry) => entry.topic === topic && entry.partition === partition && entry.lineage === lineage,
    )
    if (own && own.nextOffset >= BigInt(end_offset)) return []
    const name = `${topic}/${partition} lineage ${lineage}`
    return `${name} goes up to ${end_offset}, and the ${keepRuns} runs that are kept began at ${own?.nextOffset}`
  })
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
