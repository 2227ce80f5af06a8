import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { GroupRecord } from '../format/groups-document.ts'
import type { LedgerSource, TargetPlace } from '../format/restore-ledger.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import { placesOf, routesByOrigins } from './copy-routes.ts'
import type { FoundCopy } from './found-copy.ts'
import {
  type HeaderCounts,
  type HeaderPlace,
  headerRuns,
  type ReadPlace,
  readHeaderMap,
} from './header-map.ts'
import type { OffsetReport, UnmappedReason } from './offset-report.ts'
import { type IsRestoredHistory, reportOffsets, type SourceRoute } from './report-offsets.ts'

/** Where the copy is read. */
export interface HeaderReading {
  readonly cluster: Pick<Cluster, 'listOffsets'>
  /** Committed records from `beginOffset` below `endOffset`. */
  readonly read: (place: TargetPlace, beginOffset: bigint, endOffset: bigint) => ReturnType<ReadPlace>
}

/** Where groups go on in a copy whose records say where they come from. */
export interface HeaderReport {
  readonly report: OffsetReport
  /** Records that were looked at, by topic of the target. */
  readonly counts: ReadonlyMap<string, HeaderCounts>
}

/**
 * Says where groups go on by the headers of the records instead of the offset map. Reads the partitions that records of their topics may be
 * in, up to their last stable offsets; twice, where records of one source are not in the order of their offsets or several share a partition.
 * @throws KB_USAGE for two topics in one partition of the target, KB_CLUSTER_*, KB_BATCH_CORRUPT
 */
export async function reportByHeaders(
  groups: readonly GroupRecord[],
  copy: FoundCopy,
  { cluster, read }: HeaderReading,
  isRestoredHistory: IsRestoredHistory,
): Promise<HeaderReport> {
  const offsets = groups.flatMap((own) => own.offsets)
  const asked = new Set(offsets.map(partitionName))
  const possible = (copy.routes ?? anywhere(copy)).filter(({ sources }) =>
    sources.some((own) => asked.has(partitionName(own)) && !copy.refusals.has(partitionName(own))),
  )
  const lineages = new Map(copy.sources.map((own) => [partitionName(own), own]))
  const fed = sourcesByPlace(possible, lineages)
  const targets = fed.map(({ place }) => place)
  const [starts, stable] = await Promise.all([
    cluster.listOffsets('log_start', targets),
    cluster.listOffsets('last_stable', targets),
  ])
  const places = fed.map(({ place, sources }): HeaderPlace => {
    const begin = copy.begins.get(partitionName(place)) ?? 0n
    const start = starts.get(partitionName(place)) ?? 0n
    return { place, sources, beginOffset: begin > start ? begin : start }
  })
  const readPlace: ReadPlace = ({ place, beginOffset }) =>
    read(place, beginOffset, stable.get(partitionName(place)) ?? 0n)
  // What a group had no offset for may count as not read, from its begin on.
  const wanted = [...offsets, ...copy.sources.map((own) => ({ ...own, offset: 0n }))]
  const map = await readHeaderMap(places, readPlace, wanted)
  const report = await reportOffsets(
    groups,
    {
      ...copy,
      routes: copy.routes ?? routesByOrigins(copy.topics, map.origins),
      ends: endsOf(copy, map.ends, stable),
      refusals: new Map([...withoutHeaders(possible, map.counts), ...copy.refusals]),
      disordered: map.disordered,
      runs: () => headerRuns(places, readPlace),
    },
    isRestoredHistory,
    async () => map.translation,
  )
  return { report, counts: map.counts }
}

/** Where records may be whose headers say it: in any partition of their topic. */
function anywhere({ topics }: FoundCopy): readonly SourceRoute[] {
  return topics.map((topic) => ({ sources: topic.sources, targets: placesOf(topic) }))
}

interface FedPlace {
  readonly place: TargetPlace
  readonly sources: Map<number, LedgerSource>
}

function sourcesByPlace(
  routes: readonly SourceRoute[],
  lineages: ReadonlyMap<string, LedgerSource>,
): readonly FedPlace[] {
  const fed = new Map<string, FedPlace>()
  for (const { sources, targets } of routes) {
    for (const place of targets) {
      const own = fed.get(partitionName(place)) ?? { place, sources: new Map() }
      fed.set(partitionName(place), own)
      for (const { topic, partition } of sources) {
        const other = own.sources.get(partition)
        if (other && other.topic !== topic) throw indistinct([other.topic, topic], place)
        const source = lineages.get(partitionName({ topic, partition }))
        if (source) own.sources.set(partition, source)
      }
    }
  }
  return [...fed.values()]
}

function indistinct(topics: readonly string[], place: TargetPlace): KafkaBackupError {
  return new KafkaBackupError(
    'KB_USAGE',
    `${topics.join(' and ')} were both copied into ${partitionName(place)}, and headers do not tell them apart: they name no topic`,
    { hint: 'Use the offset map of the restore: leave --by-header out.', context: { ...place } },
  )
}

/** The ledger knows better where a restore has ended, as long as the log has it. */
function endsOf(
  { ends }: FoundCopy,
  found: ReadonlyMap<string, bigint>,
  stable: ReadonlyMap<string, bigint>,
): ReadonlyMap<string, bigint> {
  return new Map(
    [...found].map(([name, end]) => {
      const known = ends.get(name)
      const isBehind = known !== undefined && known > end && known <= (stable.get(name) ?? 0n)
      return [name, isBehind ? known : end]
    }),
  )
}

/** Sources of topics that have records, and none with headers. */
function withoutHeaders(
  routes: readonly SourceRoute[],
  counts: ReadonlyMap<string, HeaderCounts>,
): [string, UnmappedReason][] {
  const isWithout = ({ topic }: TargetPlace) => {
    const own = counts.get(topic)
    return own !== undefined && own.withHeaders === 0 && own.withoutHeaders > 0
  }
  return routes
    .filter(({ targets }) => targets.length > 0 && targets.every(isWithout))
    .flatMap(({ sources }) =>
      sources.map((own): [string, UnmappedReason] => [partitionName(own), 'no_headers']),
    )
}
