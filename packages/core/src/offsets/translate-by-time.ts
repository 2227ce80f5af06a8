import type { TargetPlace } from '../format/restore-ledger.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import type { OffsetReport, ReportRow } from './offset-report.ts'
import type { SourceRoute } from './report-offsets.ts'
import type { TranslatedOffset, Translation, WantedOffset } from './translate-offsets.ts'
import type { UnreadMinimum } from './unread-minima.ts'

/** Answers of a cluster about its logs. */
export type AskedCluster = Pick<Cluster, 'listOffsets' | 'offsetsAtTimes'>

/** Translations by time, and where the logs of the target ended, by `topic/partition`. */
export interface TimeTranslation {
  readonly translation: Translation
  readonly ends: ReadonlyMap<string, bigint>
}

/**
 * Finds where to go on in a copy that nothing is known of but the times of its records. Nothing that is archived is skipped: with m the smallest
 * timestamp of all archived records from the wanted offset on, each of them has a timestamp of m or later, and the cluster answers the first
 * record of the target with a timestamp of m or later: none of them stands before it, in whatever order they were written. What has been
 * read may stand behind it and is read again. Premise: records of the copy have the timestamps of the source, which topics with
 * `message.timestamp.type=LogAppendTime` do not give them. Records that the copy has and the archive has not are not skipped either where the
 * copy has the order of the source, unless nothing was archived from the wanted offset on: then the answer is the end of the target.
 */
export async function translateByTime(
  cluster: AskedCluster,
  routes: readonly SourceRoute[],
  wanted: readonly WantedOffset[],
  unread: UnreadMinimum,
): Promise<TimeTranslation> {
  const targets = new Map<string, readonly TargetPlace[]>()
  for (const route of routes) {
    for (const source of route.sources) {
      targets.set(partitionName(source), [...(targets.get(partitionName(source)) ?? []), ...route.targets])
    }
  }
  const questions = wanted.flatMap((position) => {
    const timestampMs = unread(position)
    return (targets.get(partitionName(position)) ?? []).map((place) => ({ place, timestampMs }))
  })
  const places = [...new Map(questions.map(({ place }) => [partitionName(place), place])).values()]
  // Before the others: what is written meanwhile lies behind these ends.
  const ends = await cluster.listOffsets('last_stable', places)
  const starts = await cluster.listOffsets('log_start', places)
  const found = await askTimes(cluster, questions)
  const answer = (place: TargetPlace, timestampMs: bigint | null): TranslatedOffset => {
    const name = partitionName(place)
    const end = ends.get(name) ?? 0n
    if (timestampMs === null) return { ...place, offset: end, how: 'end' }
    if (timestampMs < 0n) return { ...place, offset: starts.get(name) ?? 0n, how: 'by_timestamp' }
    const first = found.get(name)?.get(timestampMs)
    return first == null
      ? { ...place, offset: end, how: 'end' }
      : { ...place, offset: first, how: 'by_timestamp' }
  }
  return {
    ends,
    translation: (position) => {
      const timestampMs = unread(position)
      return (targets.get(partitionName(position)) ?? []).map((place) => answer(place, timestampMs))
    },
  }
}

interface PlaceQuestion {
  readonly place: TargetPlace
  readonly timestampMs: bigint | null
}

/** One time of each partition in a request, as brokers want it; all partitions together. */
async function askTimes(cluster: AskedCluster, questions: readonly PlaceQuestion[]) {
  const times = new Map<string, { readonly place: TargetPlace; readonly wanted: Set<bigint> }>()
  for (const { place, timestampMs } of questions) {
    if (timestampMs === null || timestampMs < 0n) continue
    const own = times.get(partitionName(place)) ?? { place, wanted: new Set() }
    times.set(partitionName(place), own)
    own.wanted.add(timestampMs)
  }
  const rounds = [...times.values()].map(({ place, wanted }) => ({ place, wanted: [...wanted] }))
  const found = new Map<string, Map<bigint, bigint | null>>()
  for (let round = 0; rounds.some(({ wanted }) => wanted.length > round); round++) {
    const asked = rounds.flatMap(({ place, wanted }) => {
      const timestampMs = wanted[round]
      return timestampMs === undefined ? [] : [{ ...place, timestampMs }]
    })
    const answers = await cluster.offsetsAtTimes(asked)
    for (const entry of asked) {
      const name = partitionName(entry)
      const own = found.get(name) ?? new Map<bigint, bigint | null>()
      found.set(name, own.set(entry.timestampMs, answers.get(name) ?? null))
    }
  }
  return found
}

/**
 * Bounds what is read again: no more than the target has from there on, and no more than the group has read at the source. Pure. `ends`: of the
 * logs of the target.
 */
export function withRepeatBounds(report: OffsetReport, ends: ReadonlyMap<string, bigint>): OffsetReport {
  const laneOf = ({ group, target }: ReportRow) => JSON.stringify([group, target])
  const read = new Map<string, bigint>()
  for (const row of report.rows) {
    if (row.target) read.set(laneOf(row), (read.get(laneOf(row)) ?? 0n) + (row.sourceOffset ?? 0n))
  }
  const rows = report.rows.map((row) => {
    if (!row.target || row.targetOffset === null) return row
    const behind = (ends.get(partitionName(row.target)) ?? 0n) - row.targetOffset
    const readBefore = read.get(laneOf(row)) ?? 0n
    const repeats = behind < 0n ? 0n : behind < readBefore ? behind : readBefore
    return { ...row, repeats, isRepeatsAtMost: repeats > 0n }
  })
  return { ...report, rows }
}
