import type { TargetPlace } from '../format/restore-ledger.ts'
import { partitionName } from '../kafka/cluster.ts'
import type { MappedRun } from '../repository/offset-map.ts'

/** From where a group goes on in one partition of the target, and how far it has read each of the sources there. */
export interface ResumedLane {
  readonly place: TargetPlace
  readonly offset: bigint
  /** Next offset of each source that it has read from, by `topic/partition`. */
  readonly read: ReadonlyMap<string, bigint>
}

/** How many records each of these would read a second time, in their order. One pass over the map. Pure. */
export async function countRepeats(
  runs: AsyncIterable<MappedRun>,
  lanes: readonly ResumedLane[],
): Promise<bigint[]> {
  const repeats = lanes.map(() => 0n)
  const byPlace = Map.groupBy(lanes.keys(), (at) => partitionName((lanes[at] as ResumedLane).place))
  for await (const run of runs) {
    for (const at of byPlace.get(partitionName(run.target)) ?? []) {
      repeats[at] = (repeats[at] ?? 0n) + repeatedOf(run, lanes[at] as ResumedLane)
    }
  }
  return repeats
}

function repeatedOf({ source, sourceOffset, targetOffset, records }: MappedRun, lane: ResumedLane): bigint {
  const next = lane.read.get(partitionName(source))
  if (next === undefined) return 0n
  const first = lane.offset > targetOffset ? lane.offset - targetOffset : 0n
  const readOfRun = next - sourceOffset
  const end = readOfRun < BigInt(records) ? readOfRun : BigInt(records)
  return end > first ? end - first : 0n
}
