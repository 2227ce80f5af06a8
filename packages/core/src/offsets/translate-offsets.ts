import type { TargetPlace } from '../format/restore-ledger.ts'
import { partitionName } from '../kafka/cluster.ts'
import type { MappedRun } from '../repository/offset-map.ts'

/** A partition by name. */
export interface SourcePartition {
  readonly topic: string
  readonly partition: number
}

/** The next record that somebody wants of a partition of the source. */
export interface WantedOffset extends SourcePartition {
  readonly offset: bigint
}

/** Where records of one source begin, in one partition of the target, that come from the wanted offset on. */
export interface TranslatedOffset extends TargetPlace {
  /** Of the first of them; `end`: behind everything that the restore wrote there. */
  readonly offset: bigint
  /**
   * `exact`: it is the very record of the wanted offset. `next`: that one was not restored, and this is the first behind it. `end`: neither it
   * nor one behind it was restored there. `by_timestamp`: the first record that is as old as the oldest of those that are wanted.
   */
  readonly how: 'exact' | 'next' | 'end' | 'by_timestamp'
}

/** The translations of a wanted offset that was asked for: one for each partition of the target that records of its source went to. */
export type Translation = (wanted: WantedOffset) => readonly TranslatedOffset[]

interface Lane {
  readonly place: TargetPlace
  /** Of the wanted offsets of the source, in their order, as far as they are answered. */
  readonly found: { readonly offset: bigint; readonly isExact: boolean }[]
  endOffset: bigint
}

interface Wanted {
  /** Ascending, each once. */
  readonly offsets: readonly bigint[]
  readonly lanes: Map<string, Lane>
}

/** Finds the translations of all offsets that may be asked for. */
export type Translate = (wanted: readonly WantedOffset[]) => Promise<Translation>

/**
 * Looks any number of offsets up in one pass over the map, whose runs come in order of target offset within each partition, as a ledger has
 * them; their source offsets may come in any order. Pure. `ends`: see `writtenEnds`. The answer to an offset that was not wanted is empty.
 */
export async function translateOffsets(
  runs: AsyncIterable<MappedRun>,
  wanted: Iterable<WantedOffset>,
  ends: ReadonlyMap<string, bigint>,
): Promise<Translation> {
  const bySource = wantedBySource(wanted)
  for await (const run of runs) {
    const own = bySource.get(partitionName(run.source))
    if (own) take(own, run)
  }
  return (position) => {
    const own = bySource.get(partitionName(position))
    if (!own) return []
    const at = countBelow(own.offsets, position.offset)
    if (own.offsets[at] !== position.offset) return []
    return [...own.lanes.values()].map(({ place, found, endOffset }) => {
      const answer = found[at]
      if (!answer) return { ...place, offset: ends.get(partitionName(place)) ?? endOffset, how: 'end' }
      return { ...place, offset: answer.offset, how: answer.isExact ? 'exact' : 'next' }
    })
  }
}

/** The first run of a partition that ends behind a wanted offset has the first record that is wanted: target offsets only grow. */
function take({ offsets, lanes }: Wanted, run: MappedRun): void {
  const { target: place, sourceOffset, targetOffset, records } = run
  const name = partitionName(place)
  const lane = lanes.get(name) ?? { place, found: [], endOffset: 0n }
  lanes.set(name, lane)
  lane.endOffset = targetOffset + BigInt(records)
  const answered = countBelow(offsets, sourceOffset + BigInt(records))
  while (lane.found.length < answered) {
    const ahead = (offsets[lane.found.length] as bigint) - sourceOffset
    lane.found.push({ offset: targetOffset + (ahead > 0n ? ahead : 0n), isExact: ahead >= 0n })
  }
}

function wantedBySource(wanted: Iterable<WantedOffset>): Map<string, Wanted> {
  const offsets = new Map<string, Set<bigint>>()
  for (const position of wanted) {
    const name = partitionName(position)
    const own = offsets.get(name) ?? new Set()
    offsets.set(name, own.add(position.offset))
  }
  return new Map(
    [...offsets].map(([name, own]) => [name, { offsets: [...own].sort(ascending), lanes: new Map() }]),
  )
}

function ascending(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** How many of ascending offsets are below a bound. */
function countBelow(offsets: readonly bigint[], bound: bigint): number {
  let low = 0
  let high = offsets.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((offsets[middle] as bigint) < bound) low = middle + 1
    else high = middle
  }
  return low
}
