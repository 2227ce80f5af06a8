import type { Commit, DivergenceRecord, GapRecord } from './commit.ts'
import type { FoldedPrune } from './pruned-history.ts'
import type { SegmentPart, SegmentRecord } from './segment-record.ts'

/** A part of a partition and the object that holds it. */
export interface PlacedPart {
  readonly segment: SegmentRecord
  readonly part: SegmentPart
}

/** The parts of a commit (or of a snapshot) that the fold takes in. */
export interface FoldedContent extends Pick<Commit, 'topics' | 'segments' | 'gaps' | 'artifacts'> {
  readonly begins: readonly FoldedBegin[]
  readonly divergences: readonly FoldedDivergence[]
  /** What histories of a snapshot do not hold any more. A commit prunes what was folded before it: that is no content of it. */
  readonly forgotten?: readonly FoldedPrune[]
}

/**
 * Where a partition joins the backup. `topicId` is there when it is known from elsewhere than the topic's record (in a
 * snapshot): that record may be of a later topic, with fewer partitions.
 */
export interface FoldedBegin {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly topicId?: string | null
  /** Absent: the commit that is being folded. */
  readonly sinceCommit?: bigint
}

/** A divergence, and the commit that declared it; absent: the one that is being folded. */
export interface FoldedDivergence extends DivergenceRecord {
  readonly sinceCommit?: bigint
}

/** One thing that a commit says of one history of a partition. `begin` and `end` are offsets; `end` is where it leaves off. */
export type FoldStep = {
  readonly topic: string
  readonly partition: number
  readonly lineage: number
  readonly begin: bigint
  readonly end: bigint
} & (
  | { readonly kind: 'divergence'; readonly divergence: FoldedDivergence }
  | { readonly kind: 'gap'; readonly gap: GapRecord }
  | { readonly kind: 'part'; readonly placed: PlacedPart }
  | { readonly kind: 'forgotten'; readonly pruned: FoldedPrune }
)

/** Where a partition stands: the number of its newest history, and the next offset of that. */
export interface HistoryHead {
  readonly lineage: number
  readonly nextOffset: bigint
}

/**
 * The steps of one commit in order of lineage and offset, so that a gap may lie between two parts, and a history may end
 * where another begins. A divergence comes before what belongs to the history that it begins.
 */
export function foldSteps(
  content: Pick<FoldedContent, 'segments' | 'gaps' | 'divergences' | 'forgotten'> & Pick<Commit, 'compacted'>,
): FoldStep[] {
  const steps: FoldStep[] = []
  // What is compacted goes on nowhere: it was there before.
  if (content.compacted) return steps
  for (const divergence of content.divergences) {
    const { topic, partition, lineage, beginOffset } = divergence
    steps.push({
      kind: 'divergence',
      topic,
      partition,
      lineage,
      begin: beginOffset,
      end: beginOffset,
      divergence,
    })
  }
  for (const segment of content.segments) {
    for (const part of segment.parts) {
      const { topic, partition, lineage, beginOffset: begin, nextOffset: end } = part
      steps.push({ kind: 'part', topic, partition, lineage, begin, end, placed: { segment, part } })
    }
  }
  for (const gap of content.gaps) {
    const { topic, partition, lineage, firstOffset: begin, endOffset: end } = gap
    steps.push({ kind: 'gap', topic, partition, lineage, begin, end, gap })
  }
  for (const pruned of content.forgotten ?? []) {
    const { topic, partition, lineage, beginOffset: begin, endOffset: end } = pruned
    steps.push({ kind: 'forgotten', topic, partition, lineage, begin, end, pruned })
  }
  return steps.sort(byPlace)
}

/** Why a step cannot follow where its partition stands; undefined when it can. */
export function refusalOf(step: FoldStep, head: HistoryHead): string | undefined {
  if (step.kind === 'divergence') return divergenceRefusal(step.divergence, head)
  if (step.lineage !== head.lineage)
    return `goes on in history ${step.lineage}, its newest is ${head.lineage}`
  if (step.begin !== head.nextOffset) return `goes on at ${step.begin}, expected ${head.nextOffset}`
  const isWellFormed = step.kind === 'part' ? isPartWellFormed(step.placed.part) : step.end > step.begin
  return isWellFormed ? undefined : 'has offsets out of order'
}

function divergenceRefusal(divergence: DivergenceRecord, head: HistoryHead): string | undefined {
  const { lineage, reason, commonEndOffset, previousEndOffset } = divergence
  if (lineage !== head.lineage + 1) return `begins history ${lineage}, its newest is ${head.lineage}`
  if (previousEndOffset !== head.nextOffset) {
    return `parts from a history that ends at ${previousEndOffset}, expected ${head.nextOffset}`
  }
  if (commonEndOffset === null) return undefined
  if (reason === 'topic_recreated') return 'shares offsets with a topic that was deleted'
  return commonEndOffset > previousEndOffset ? 'shares offsets that the backup never held' : undefined
}

/** A divergence stands before everything else of its history, also before what begins at a lower offset by mistake. */
function byPlace(a: FoldStep, b: FoldStep): number {
  if (a.lineage !== b.lineage) return a.lineage - b.lineage
  const rank = Number(b.kind === 'divergence') - Number(a.kind === 'divergence')
  if (rank !== 0) return rank
  return a.begin < b.begin ? -1 : a.begin > b.begin ? 1 : 0
}

/** Bounds in order; holes that lie inside the part, ascending and apart; and one of them explains a late first batch. */
export function isPartWellFormed(part: SegmentPart): boolean {
  let from = part.beginOffset
  for (const [first, end] of part.holes) {
    if (first < from || end <= first || end > part.lastOffset) return false
    from = end
  }
  const [leading] = part.holes
  const explainedOffset = leading?.[0] === part.beginOffset ? leading[1] : part.beginOffset
  return (
    part.firstOffset === explainedOffset &&
    part.lastOffset >= part.firstOffset &&
    part.nextOffset === part.lastOffset + 1n &&
    (part.lastBatch === null || part.lastBatch.baseOffset <= part.lastOffset) &&
    part.frames[1] > part.frames[0]
  )
}
