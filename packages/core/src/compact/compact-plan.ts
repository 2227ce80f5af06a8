import type { BackupState, PartitionState, PlacedPart } from '../format/backup-state.ts'
import type { SegmentRecord } from '../format/segment-record.ts'
import { invariant } from '../runtime/invariant.ts'
import { type CompactUnit, isBundle, objectsOutOf, type Stretch, stretchOf, unitOf } from './compact-unit.ts'
import { largerBundles } from './larger-bundles.ts'
import { type RequestEstimate, requestsOf } from './request-estimate.ts'

/** What is to be compacted. Sizes in bytes, times in milliseconds. */
export interface CompactChoice {
  readonly isChosen: (topic: string) => boolean
  /** Only what has no newer records; null: whatever its age. */
  readonly beforeMs: bigint | null
  /** Size at which a new segment is closed. Segments from half of it on are large enough, and stay. */
  readonly segmentMaxBytes: number
  /** Bundles too of which more objects would be made than there are: only segments of one partition can be pruned. */
  readonly isUnbundling: boolean
}

/** What will be written anew; nothing was changed yet. */
export interface CompactPlan {
  readonly backupId: string
  /** The newest commit that it was made from. */
  readonly commit: bigint
  readonly units: readonly CompactUnit[]
  /** Objects that are replaced, bundles among them, and how many there will be in their place. */
  readonly objectsIn: number
  readonly bundlesIn: number
  readonly objectsOut: number
  /** Length of the objects that are replaced. */
  readonly bytes: number
  readonly records: number
  readonly partitions: number
  /** Segments and bundles that the backup holds now. */
  readonly heldObjects: number
  readonly requests: RequestEstimate
}

/** Parts that one commit may replace: their indexes are in memory at once, and the commit names their objects. */
export const COMMIT_PARTS_MAX = 20_000

/** Decides which objects are replaced. Pure. */
export function planCompact(state: BackupState, choice: CompactChoice): CompactPlan {
  const windows = windowsOf(state, choice)
  const stretches = state.partitions().flatMap((history) => stretchesOf(history, windows))
  const units = unitsOf(state, stretches.map(withoutLargeHead), choice)
  const objects = units.flatMap((unit) => unit.objects)
  const parts = units.flatMap((unit) => unit.stretches.flatMap((stretch) => stretch.parts))
  return {
    backupId: state.backupId,
    commit: state.tip?.number ?? 0n,
    units,
    objectsIn: objects.length,
    bundlesIn: objects.filter(isBundle).length,
    objectsOut: units.reduce((sum, unit) => sum + objectsOutOf(unit, choice.segmentMaxBytes), 0),
    bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0),
    records: parts.reduce((sum, { part }) => sum + part.records, 0),
    partitions: new Set(parts.map(({ part }) => `${part.topic}/${part.partition}`)).size,
    heldObjects: state.segments.length,
    requests: requestsOf(units, choice.segmentMaxBytes),
  }
}

/** For each object that may be replaced the number of the window it falls into; one commit replaces what is in one window. */
function windowsOf(
  state: BackupState,
  { isChosen, beforeMs, segmentMaxBytes }: CompactChoice,
): ReadonlyMap<string, number> {
  const windows = new Map<string, number>()
  let [window, partCount] = [0, 0]
  for (const segment of state.segments) {
    const { parts, bytes, key } = segment
    const isSmall = isBundle(segment) || bytes < segmentMaxBytes / 2
    const isOld = parts.every(
      ({ maxTimestampMs }) => beforeMs === null || (maxTimestampMs >= 0n && maxTimestampMs < beforeMs),
    )
    if (!isSmall || !isOld || !parts.every(({ topic }) => isChosen(topic))) continue
    if (partCount + parts.length > COMMIT_PARTS_MAX) [window, partCount] = [window + 1, 0]
    partCount += parts.length
    windows.set(key, window)
  }
  return windows
}

/** A gap ends a stretch, and so does an object that stays, is of another window, or is packed in another way. */
function stretchesOf(history: PartitionState, windows: ReadonlyMap<string, number>): Stretch[] {
  const runs: PlacedPart[][] = []
  let last: PlacedPart | undefined
  for (const placed of history.parts) {
    const window = windows.get(placed.segment.key)
    const isNext =
      last !== undefined &&
      windows.get(last.segment.key) === window &&
      last.part.nextOffset === placed.part.beginOffset &&
      extensionOf(last.segment) === extensionOf(placed.segment)
    if (window !== undefined && isNext) runs.at(-1)?.push(placed)
    else if (window !== undefined) runs.push([placed])
    last = window === undefined ? undefined : placed
  }
  return runs.map((parts) => stretchOf(history, parts))
}

/**
 * A first segment that has more than all that follow stays as it is until they have grown: so a byte is written anew a few times in its life,
 * however often somebody compacts.
 */
function withoutLargeHead(stretch: Stretch): Stretch {
  let { bytes } = stretch
  let first = 0
  for (const { segment, part } of stretch.parts) {
    if (isBundle(segment) || part.storedBytes * 2 <= bytes) break
    bytes -= part.storedBytes
    first++
  }
  return first === 0 ? stretch : stretchOf(stretch.history, stretch.parts.slice(first))
}

function unitsOf(state: BackupState, stretches: readonly Stretch[], choice: CompactChoice): CompactUnit[] {
  const { segmentMaxBytes, isUnbundling } = choice
  const order = new Map(state.segments.map((segment, at) => [segment, at]))
  const isWorth = (each: CompactUnit) => objectsOutOf(each, segmentMaxBytes) < each.objects.length
  return connected(stretches).flatMap((own): CompactUnit[] => {
    const unit = unitOf(own)
    if (isWorth(unit) || (isUnbundling && unit.objects.some(isBundle))) return [unit]
    // What lies between bundles may be worth it by itself.
    const between = own.flatMap(withoutBundles).map(withoutLargeHead).map(alone).filter(isWorth)
    return [largerBundles(own, segmentMaxBytes, order) ?? [], between].flat()
  })
}

function alone(stretch: Stretch): CompactUnit {
  return unitOf([stretch])
}

/** Groups of stretches that share bundles, directly or through others. */
function connected(stretches: readonly Stretch[]): Stretch[][] {
  const byBundle = new Map<SegmentRecord, Stretch[]>()
  for (const stretch of stretches) {
    for (const { segment } of stretch.parts) {
      if (!isBundle(segment)) continue
      const own = byBundle.get(segment)
      if (own) own.push(stretch)
      else byBundle.set(segment, [stretch])
    }
  }
  const left = new Set(stretches)
  const groups: Stretch[][] = []
  for (const first of stretches) {
    if (!left.delete(first)) continue
    const group = [first]
    for (const { parts } of group) {
      for (const { segment } of parts) {
        const others = byBundle.get(segment) ?? []
        byBundle.delete(segment)
        group.push(...others.filter((other) => left.delete(other)))
      }
    }
    groups.push(group)
  }
  return groups
}

function withoutBundles({ history, parts }: Stretch): Stretch[] {
  const runs: PlacedPart[][] = [[]]
  for (const placed of parts) {
    if (isBundle(placed.segment)) runs.push([])
    else runs.at(-1)?.push(placed)
  }
  return runs.filter((run) => run.length > 0).map((run) => stretchOf(history, run))
}

function extensionOf({ key }: SegmentRecord): string {
  const extension = key.split('.').at(-1)
  invariant(extension, 'a segment has an extension')
  return extension
}
