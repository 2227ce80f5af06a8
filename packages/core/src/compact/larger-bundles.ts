import type { PlacedPart } from '../format/backup-state.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { LIMITS } from '../runtime/limits.ts'
import { type CompactUnit, isBundle, type Stretch, stretchOf, unitOf } from './compact-unit.ts'
import { HELD_BYTES_MAX } from './request-estimate.ts'

/**
 * Of partitions that have too little for segments of their own, larger bundles are made: so the objects of thousands of quiet partitions
 * become fewer too. Null when that does not halve them. `order`: places of the objects, oldest first.
 */
export function largerBundles(
  stretches: readonly Stretch[],
  segmentMaxBytes: number,
  order: ReadonlyMap<SegmentRecord, number>,
): CompactUnit | null {
  const bytesMax = Math.min(segmentMaxBytes, HELD_BYTES_MAX)
  const objects = [...new Set(stretches.flatMap(({ parts }) => parts.map(({ segment }) => segment)))]
  const small = objects
    .filter((object) => isBundle(object) && object.bytes < bytesMax / 2)
    .sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
  const taken = new Set(withoutLargeHead(small))
  const own = stretches.flatMap((stretch) => within(stretch, taken))
  const packs = packsOf(own, bytesMax)
  return packs.length > 0 && packs.length * 2 <= taken.size ? unitOf(own, packs) : null
}

/** As with segments: what has more than all that follow waits until they have grown. */
function withoutLargeHead(objects: readonly SegmentRecord[]): readonly SegmentRecord[] {
  let bytes = objects.reduce((sum, object) => sum + object.bytes, 0)
  const first = objects.findIndex((object) => {
    if (object.bytes * 2 <= bytes) return true
    bytes -= object.bytes
    return false
  })
  return first < 0 ? [] : objects.slice(first)
}

function within({ history, parts }: Stretch, taken: ReadonlySet<SegmentRecord>): Stretch[] {
  const runs: PlacedPart[][] = [[]]
  for (const placed of parts) {
    if (taken.has(placed.segment)) runs.at(-1)?.push(placed)
    else runs.push([])
  }
  return runs.filter((run) => run.length > 0).map((run) => stretchOf(history, run))
}

/** A bundle has one part of a partition, so many partitions, and so many bytes. */
function packsOf(stretches: readonly Stretch[], bytesMax: number): Stretch[][] {
  const packs: { readonly stretches: Stretch[]; readonly names: Set<string>; bytes: number }[] = []
  for (const stretch of stretches) {
    const { topic, partition } = stretch.history
    const name = `${topic}/${partition}`
    const extension = extensionOf(stretch)
    const fitting = packs.find(
      ({ stretches: own, names, bytes }) =>
        !names.has(name) &&
        own.length < LIMITS.bundleMaxParts &&
        bytes + stretch.bytes <= bytesMax &&
        own[0] !== undefined &&
        extensionOf(own[0]) === extension,
    )
    const pack = fitting ?? { stretches: [], names: new Set<string>(), bytes: 0 }
    if (!fitting) packs.push(pack)
    pack.stretches.push(stretch)
    pack.names.add(name)
    pack.bytes += stretch.bytes
  }
  return packs.map(({ stretches: own }) => own)
}

function extensionOf({ parts }: Stretch): string | undefined {
  return parts[0]?.segment.key.split('.').at(-1)
}
