import type { BackupState } from '../format/backup-state.ts'
import type { GroupRecord } from '../format/groups-document.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import { routesByNames } from './copy-routes.ts'
import type { FoundCopy } from './found-copy.ts'
import type { OffsetReport, UnmappedReason } from './offset-report.ts'
import { type IsRestoredHistory, reportOffsets, type SourceRoute } from './report-offsets.ts'
import { translateByTime, withRepeatBounds } from './translate-by-time.ts'
import { type ArchiveReading, findUnreadMinima } from './unread-minima.ts'

/** What is asked. */
export interface TimeReading {
  readonly cluster: Pick<Cluster, 'listOffsets' | 'offsetsAtTimes' | 'topicConfigs'>
  readonly archive: ArchiveReading
  /** The newest of the backup. */
  readonly state: BackupState
}

const TIMESTAMP_TYPE = 'message.timestamp.type'
const APPEND_TIME = 'LogAppendTime'

/**
 * Says where groups go on in a copy by the times of its records; see {@link translateByTime}.
 * @throws KB_CLUSTER_*, KB_SEGMENT_CORRUPT, KB_OBJECT_NOT_FOUND, KB_BATCH_CORRUPT, KB_TRANSFORM_UNAVAILABLE
 */
export async function reportByTimes(
  groups: readonly GroupRecord[],
  copy: FoundCopy,
  { cluster, archive, state }: TimeReading,
  isRestoredHistory: IsRestoredHistory,
): Promise<OffsetReport> {
  const routes = copy.routes ?? routesByNames(copy.topics)
  const asked = new Set(groups.flatMap((own) => own.offsets.map(partitionName)))
  const own = routes.filter(({ sources }) => sources.some((source) => asked.has(partitionName(source))))
  const refusals = new Map([...(await withAppendTimes(cluster, own)), ...copy.refusals])
  let ends: ReadonlyMap<string, bigint> = new Map()
  const restore = {
    ...copy,
    routes,
    refusals,
    // That offsets were kept is what nobody told.
    isKeepingOffsets: false,
    runs: async function* () {},
  }
  const report = await reportOffsets(groups, restore, isRestoredHistory, async (wanted) => {
    const usable = wanted.filter((position) => !refusals.has(partitionName(position)))
    const unread = await findUnreadMinima(archive, state, usable)
    const found = await translateByTime(cluster, routes, usable, unread)
    ends = found.ends
    return found.translation
  })
  return withRepeatBounds(report, ends)
}

async function withAppendTimes(
  cluster: TimeReading['cluster'],
  routes: readonly SourceRoute[],
): Promise<[string, UnmappedReason][]> {
  const topics = new Set(routes.flatMap(({ targets }) => targets.map(({ topic }) => topic)))
  const settings = await cluster.topicConfigs([...topics], [TIMESTAMP_TYPE])
  const isStamped = ({ topic }: { readonly topic: string }) =>
    settings.get(topic)?.get(TIMESTAMP_TYPE) === APPEND_TIME
  return routes
    .filter(({ targets }) => targets.some(isStamped))
    .flatMap(({ sources }) =>
      sources.map((own): [string, UnmappedReason] => [partitionName(own), 'append_times']),
    )
}
