import { isCompressedKey } from './artifact-document.ts'
import type { DivergenceRecord } from './divergence.ts'
import type { GapRecord } from './gap.ts'
import type { SegmentRecord } from './segment-record.ts'

/** Partitions may have more than one history. A reader that does not know this would splice them. */
const LINEAGES = 'lineages'
/** Gaps may have a damaged batch beside them. A reader that does not know this would take its object for a foreign one. */
const QUARANTINE = 'quarantine'
/** Segments are taken out of the backup. A reader that does not know this would look for them, and find holes. */
const PRUNED = 'pruned'
/** Segments were replaced by others. A reader that does not know this would take the commit for one that goes on with them. */
const COMPACTED = 'compacted'
/** Documents are taken out of the backup. A reader that knows only how segments are would go on naming what is deleted. */
const PRUNED_ARTIFACTS = 'pruned_artifacts'
/** Documents are stored as frames. A reader that does not know this would take their keys for damage. */
const COMPRESSED_ARTIFACTS = 'compressed_artifacts'
const KNOWN: readonly string[] = [
  LINEAGES,
  QUARANTINE,
  PRUNED,
  COMPACTED,
  PRUNED_ARTIFACTS,
  COMPRESSED_ARTIFACTS,
]

/** What decides which features a document needs. */
export interface FeaturedContent {
  readonly segments: readonly SegmentRecord[]
  readonly gaps: readonly GapRecord[]
  readonly divergences: readonly DivergenceRecord[]
  readonly artifacts: readonly { readonly key: string }[]
  /** Lineages of what is pruned; absent: nothing is, or was. */
  readonly prunedLineages?: readonly number[] | undefined
  /** Segments are, or were, replaced. */
  readonly isCompacted?: boolean
  /** Documents are pruned: by a commit, since a state remembers nothing of them. */
  readonly hasPrunedArtifacts?: boolean
}

/** The entries of `features` that a document with this content has. */
export function featuresOf(content: FeaturedContent): string[] {
  const parts = content.segments.flatMap((segment) => segment.parts)
  const isLater = ({ lineage }: { readonly lineage: number }) => lineage > 1
  const { prunedLineages } = content
  const hasLineages =
    content.divergences.length > 0 ||
    parts.some(isLater) ||
    content.gaps.some(isLater) ||
    prunedLineages?.some((lineage) => lineage > 1) === true
  const hasQuarantine = content.gaps.some(({ quarantine }) => quarantine !== undefined)
  return [
    ...(hasLineages ? [LINEAGES] : []),
    ...(hasQuarantine ? [QUARANTINE] : []),
    ...(prunedLineages === undefined ? [] : [PRUNED]),
    ...(content.isCompacted === true ? [COMPACTED] : []),
    ...(content.hasPrunedArtifacts === true ? [PRUNED_ARTIFACTS] : []),
    ...(content.artifacts.some(({ key }) => isCompressedKey(key)) ? [COMPRESSED_ARTIFACTS] : []),
  ]
}

/** An entry of `features` that this version does not know; undefined when there is none. */
export function unknownFeature(features: readonly string[]): string | undefined {
  return features.find((feature) => !KNOWN.includes(feature))
}

/** @throws Error (plain) when a document declares other features than its content has */
export function assertFeatures(declared: readonly string[], content: FeaturedContent): void {
  const needed = featuresOf(content)
  if (declared.length === needed.length && declared.every((feature, at) => feature === needed[at])) return
  throw new Error(`features are [${declared.join(', ')}], its content has [${needed.join(', ')}]`)
}
