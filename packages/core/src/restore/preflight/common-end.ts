import type { PartitionState } from '../../format/backup-state.ts'

/**
 * The offset below which two histories of a partition hold the same records; null: they are one. Whichever is older: all that began after
 * it, up to the other one, must have kept what lies there. 0 when one of them is not known.
 */
export function commonEndOf(
  histories: readonly Pick<PartitionState, 'lineage' | 'divergence'>[],
  one: number,
  other: number,
): bigint | null {
  if (one === other) return null
  const [older, newer] = one < other ? [one, other] : [other, one]
  const began = histories.filter(({ lineage }) => lineage > older && lineage <= newer)
  if (began.length < newer - older) return 0n
  return began
    .map(({ divergence }) => divergence?.commonEndOffset ?? 0n)
    .reduce((least, end) => (end < least ? end : least))
}
