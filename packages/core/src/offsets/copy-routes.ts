import type { LedgerSource, TargetPlace } from '../format/restore-ledger.ts'
import { partitionName } from '../kafka/cluster.ts'
import type { SourceRoute } from './report-offsets.ts'

/** Topics of a backup, and what they are called in a cluster. */
export interface CopiedTopic {
  readonly sources: readonly LedgerSource[]
  readonly targetTopic: string
  /** Of the target; 0: there is no such topic. */
  readonly targetPartitions: number
}

/**
 * Where records of a copy may be of which nothing is known but names: under the same number where both sides have as many partitions, else
 * anywhere in the topic.
 */
export function routesByNames(topics: readonly CopiedTopic[]): SourceRoute[] {
  return [...Map.groupBy(topics, ({ targetTopic }) => targetTopic).values()].flatMap((own) => {
    const sources = own.flatMap((entry) => entry.sources)
    const targets = placesOf(own[0] as CopiedTopic)
    const isSame = own.every((entry) => isNumbered(entry))
    if (!isSame) return [{ sources, targets }]
    return targets.map((place) => ({
      sources: sources.filter(({ partition }) => partition === place.partition),
      targets: [place],
    }))
  })
}

/**
 * Where records of a copy went, by what was found in each partition of the target (`origins`, by `topic/partition` on both sides). A source
 * of which nothing was found counts as copied to the partition of its number. Partitions that share a source are one route.
 */
export function routesByOrigins(
  topics: readonly CopiedTopic[],
  origins: ReadonlyMap<string, ReadonlySet<string>>,
): SourceRoute[] {
  return topics.flatMap((topic) => {
    const found = new Set([...origins.values()].flatMap((own) => [...own]))
    const places = placesOf(topic)
    const pairs = topic.sources.flatMap((source) => {
      const name = partitionName(source)
      const isHere = (place: TargetPlace) =>
        found.has(name)
          ? origins.get(partitionName(place))?.has(name) === true
          : place.partition === source.partition
      return places.filter(isHere).map((place) => ({ source, place }))
    })
    return joined(pairs)
  })
}

interface Pair {
  readonly source: LedgerSource
  readonly place: TargetPlace
}

/** Pairs that have a side in common, directly or by others, become one route. */
function joined(pairs: readonly Pair[]): SourceRoute[] {
  let routes: { sources: Map<string, LedgerSource>; targets: Map<string, TargetPlace> }[] = []
  for (const { source, place } of pairs) {
    const [from, to] = [partitionName(source), partitionName(place)]
    const touched = routes.filter(({ sources, targets }) => sources.has(from) || targets.has(to))
    const sources = new Map([...touched.flatMap((own) => [...own.sources]), [from, source]])
    const targets = new Map([...touched.flatMap((own) => [...own.targets]), [to, place]])
    routes = [...routes.filter((own) => !touched.includes(own)), { sources, targets }]
  }
  return routes.map(({ sources, targets }) => ({
    sources: [...sources.values()],
    targets: [...targets.values()],
  }))
}

/** All partitions of the target. */
export function placesOf({ targetTopic: topic, targetPartitions }: CopiedTopic): TargetPlace[] {
  return Array.from({ length: targetPartitions }, (_, partition) => ({ topic, partition }))
}

function isNumbered({ sources, targetPartitions }: CopiedTopic): boolean {
  return sources.length === targetPartitions && sources.every(({ partition }) => partition < targetPartitions)
}
