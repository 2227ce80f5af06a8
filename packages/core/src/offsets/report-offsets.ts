import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { GroupRecord } from '../format/groups-document.ts'
import type { LedgerSource, TargetPlace } from '../format/restore-ledger.ts'
import { partitionName } from '../kafka/cluster.ts'
import type { MappedRun } from '../repository/offset-map.ts'
import { LIMITS } from '../runtime/limits.ts'
import { countRepeats, type ResumedLane } from './count-repeats.ts'
import type { OffsetReport, ReportRow, TargetHow, UnmappedReason } from './offset-report.ts'
import {
  type SourcePartition,
  type Translate,
  type TranslatedOffset,
  type Translation,
  translateOffsets,
  type WantedOffset,
} from './translate-offsets.ts'

/** Sources of a restore, and the target partitions that their records go to, with or without records. */
export interface SourceRoute {
  readonly sources: readonly SourcePartition[]
  readonly targets: readonly TargetPlace[]
}

/** What a report needs to know of a restore. */
export interface ReportedRestore {
  readonly sources: readonly LedgerSource[]
  readonly routes: readonly SourceRoute[]
  /** First offset that a restored record may have, and the end of what was written, by `topic/partition` of the target. */
  readonly begins: ReadonlyMap<string, bigint>
  readonly ends: ReadonlyMap<string, bigint>
  readonly isKeepingOffsets: boolean
  readonly isFinished: boolean
  /** Sources, by `topic/partition`, of which nothing can be said, and why; absent: none. */
  readonly refusals?: ReadonlyMap<string, UnmappedReason>
  /** Partitions of the target, by `topic/partition`, where a source's records are not in the order of their offsets; absent: none. */
  readonly disordered?: ReadonlySet<string>
  /** The offset map from its begin, each time it is called. */
  readonly runs: () => AsyncIterable<MappedRun>
}

/** Whether the source that was restored has, at this offset, what the group had when it committed. */
export type IsRestoredHistory = (
  position: WantedOffset,
  restored: LedgerSource,
  group: GroupRecord,
) => boolean

/**
 * Says where groups go on in the target of a restore. Pure, but for the map that it reads twice at most. `translate`: where translations come
 * from, if not from the map. @throws KB_USAGE when there would be more than `LIMITS.offsetReportMaxRows` rows
 */
export async function reportOffsets(
  groups: readonly GroupRecord[],
  restore: ReportedRestore,
  isRestoredHistory: IsRestoredHistory,
  translate: Translate = (wanted) => translateOffsets(restore.runs(), wanted, restore.ends),
): Promise<OffsetReport> {
  const context = { restore, sources: new Map(restore.sources.map((own) => [partitionName(own), own])) }
  const placed = groups.map((own) => ({ group: own.group, ...positionsOf(own, context, isRestoredHistory) }))
  const wanted = placed.flatMap(({ positions }) => positions)
  const translation = await translate(wanted)
  const drafts: ReportRow[] = []
  for (const { group, positions, unmapped } of placed) {
    for (const row of unmapped) drafts.push(row)
    for (const row of rowsOfGroup(group, positions, { restore, translation })) drafts.push(row)
    assertReportable(drafts.length)
  }
  const rows = await withRepeats(drafts, restore)
  return {
    rows: rows.sort(byGroupAndPlace),
    withoutOffsets: groups
      .filter(({ offsets }) => offsets.length === 0)
      .map(({ group, type, state, unread }) => ({ group, type, state, unread: unread ?? null })),
    carried: groups.flatMap(({ group, readAtMs, unread, offsets }) =>
      unread === undefined || offsets.length === 0 ? [] : [{ group, readAtMs, unread }],
    ),
  }
}

/** Where records were spread anew a group has a row for each pair of partitions of source and target. */
function assertReportable(rows: number): void {
  if (rows <= LIMITS.offsetReportMaxRows) return
  const most = LIMITS.offsetReportMaxRows.toLocaleString('en-US')
  throw new KafkaBackupError('KB_USAGE', `a report about all of these groups has more than ${most} rows`, {
    hint: 'Ask for some of them at a time: --groups GROUP',
  })
}

interface Position extends WantedOffset {
  /** False: the group had no offset here; everything counts as not read. */
  readonly isCommitted: boolean
}

function positionsOf(
  record: GroupRecord,
  { restore, sources }: { restore: ReportedRestore; sources: ReadonlyMap<string, LedgerSource> },
  isRestoredHistory: IsRestoredHistory,
) {
  const { group } = record
  const positions: Position[] = []
  const unmapped: ReportRow[] = []
  for (const own of record.offsets) {
    const source = sources.get(partitionName(own))
    if (!source) unmapped.push(unmappedRow(group, own, 'not_restored'))
    else if (!isRestoredHistory(own, source, record)) unmapped.push(unmappedRow(group, own, 'other_history'))
    else positions.push({ ...own, isCommitted: true })
  }
  // What is known of no history, or of another one, counts as not read where it lies among records that were.
  const read = new Set(positions.map(partitionName))
  const topics = new Set(positions.map(({ topic }) => topic))
  const beside = restore.routes
    .filter((route) => route.sources.length > 1 && route.sources.some((own) => read.has(partitionName(own))))
    .flatMap((route) => route.sources.filter((own) => topics.has(own.topic) && !read.has(partitionName(own))))
  for (const { topic, partition } of beside)
    positions.push({ topic, partition, offset: 0n, isCommitted: false })
  return { positions, unmapped }
}

function unmappedRow(group: string, position: WantedOffset, reason: UnmappedReason): ReportRow {
  const { topic, partition, offset } = position
  const nowhere = {
    target: null,
    targetOffset: null,
    how: 'unmapped',
    repeats: 0n,
    isRepeatsAtMost: false,
  } as const
  return { group, topic, partition, sourceOffset: offset, ...nowhere, reason }
}

interface Found {
  readonly position: Position
  readonly place: TargetPlace
  readonly offset: bigint
  readonly how: TargetHow
}

function rowsOfGroup(
  group: string,
  positions: readonly Position[],
  context: { readonly restore: ReportedRestore; readonly translation: Translation },
): ReportRow[] {
  const unmapped: ReportRow[] = []
  const found: Found[] = []
  for (const position of positions) {
    const refusal = context.restore.refusals?.get(partitionName(position))
    const own = refusal === undefined ? translationsOf(position, context) : []
    if (!position.isCommitted) {
      // What has no record there holds nothing back.
      found.push(...own.filter(({ how }) => how !== 'end').map((entry) => foundAt(position, entry)))
    } else if (own.length === 0) {
      unmapped.push(unmappedRow(group, position, refusal ?? 'nothing_written'))
    } else if (!context.restore.isFinished && own.some(({ how }) => how === 'end')) {
      unmapped.push(unmappedRow(group, position, 'unfinished'))
    } else {
      found.push(...own.map((entry) => safeOr(keptOr(position, entry, context.restore), context.restore)))
    }
  }
  const blocked = new Set(unmapped.map(partitionName))
  const lowest = new Map<string, bigint>()
  for (const { place, offset } of found) {
    const low = lowest.get(partitionName(place))
    if (low === undefined || offset < low) lowest.set(partitionName(place), offset)
  }
  const rows = found.map(({ position, place, offset, how }): ReportRow => {
    const targetOffset = lowest.get(partitionName(place)) ?? offset
    return {
      group,
      topic: position.topic,
      partition: position.partition,
      sourceOffset: position.isCommitted ? position.offset : null,
      target: { topic: place.topic, partition: place.partition },
      targetOffset,
      how: position.isCommitted && targetOffset < offset ? 'lowest_safe' : how,
      reason: null,
      repeats: 0n,
      isRepeatsAtMost: false,
    }
  })
  return [...unmapped, ...withoutHalfKnown(rows, blocked, context.restore.routes)]
}

/** Where records stand in another order, the record itself may lie behind the first that is wanted. */
function safeOr(own: Found, { disordered }: ReportedRestore): Found {
  const isSafe = own.how === 'next' && disordered?.has(partitionName(own.place)) === true
  return isSafe ? { ...own, how: 'lowest_safe' } : own
}

/** A target partition of an unfinished restore whose other sources are not there yet has no safe offset at all. */
function withoutHalfKnown(
  rows: readonly ReportRow[],
  blocked: ReadonlySet<string>,
  routes: readonly SourceRoute[],
): ReportRow[] {
  if (blocked.size === 0) return [...rows]
  const lost = new Set(
    routes
      .filter(({ sources }) => sources.some((own) => blocked.has(partitionName(own))))
      .flatMap(({ targets }) => targets.map(partitionName)),
  )
  return rows.flatMap((row): ReportRow[] => {
    if (!row.target || !lost.has(partitionName(row.target))) return [row]
    if (row.sourceOffset === null) return []
    return [unmappedRow(row.group, { ...row, offset: row.sourceOffset }, 'unfinished')]
  })
}

/** Those of the map, and the ends of target partitions that no record of this source went to. */
function translationsOf(
  position: Position,
  { restore, translation }: { readonly restore: ReportedRestore; readonly translation: Translation },
): TranslatedOffset[] {
  const mapped = translation(position)
  const known = new Set(mapped.map(partitionName))
  const others = restore.routes
    .filter(({ sources }) => sources.some((own) => partitionName(own) === partitionName(position)))
    .flatMap(({ targets }) => targets)
    .filter((place) => !known.has(partitionName(place)))
  const ends = others.flatMap((place): TranslatedOffset[] => {
    const offset = restore.ends.get(partitionName(place))
    return offset === undefined ? [] : [{ ...place, offset, how: 'end' }]
  })
  return [...mapped, ...ends]
}

function foundAt(position: Position, { how, offset, ...place }: TranslatedOffset): Found {
  return { position, place, offset, how: position.isCommitted ? how : 'uncommitted' }
}

/** Where offsets are kept, a committed one is right as it is, unless it lies outside of the target's log. */
function keptOr(position: Position, translated: TranslatedOffset, restore: ReportedRestore): Found {
  const own = foundAt(position, translated)
  if (!restore.isKeepingOffsets) return own
  const name = partitionName(own.place)
  const begin = restore.begins.get(name) ?? 0n
  const end = restore.ends.get(name) ?? -1n
  if (position.offset < begin || position.offset > end) return own
  return { ...own, offset: position.offset, how: 'unchanged' }
}

/** Only where several sources were joined, or records stand in another order, something is read again. */
async function withRepeats(rows: readonly ReportRow[], restore: ReportedRestore): Promise<ReportRow[]> {
  const joined = new Set([
    ...restore.routes
      .filter(({ sources }) => sources.length > 1)
      .flatMap(({ targets }) => targets.map(partitionName)),
    ...(restore.disordered ?? []),
  ])
  const lanes = new Map<string, ResumedLane & { read: Map<string, bigint> }>()
  for (const row of rows) {
    const { group, target: place, targetOffset: offset } = row
    if (!place || offset === null || !joined.has(partitionName(place))) continue
    const lane = lanes.get(laneName(group, place)) ?? { place, offset, read: new Map() }
    lanes.set(laneName(group, place), lane)
    if (row.sourceOffset !== null) lane.read.set(partitionName(row), row.sourceOffset)
  }
  if (lanes.size === 0) return [...rows]
  const counts = await countRepeats(restore.runs(), [...lanes.values()])
  const byLane = new Map([...lanes.keys()].map((name, at) => [name, counts[at] ?? 0n]))
  return rows.map((row) => {
    const repeats = row.target ? byLane.get(laneName(row.group, row.target)) : undefined
    return repeats === undefined ? row : { ...row, repeats }
  })
}

function laneName(group: string, place: TargetPlace): string {
  return `${partitionName(place)} ${group}`
}

function byGroupAndPlace(a: ReportRow, b: ReportRow): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  if (a.partition !== b.partition) return a.partition - b.partition
  const [own, other] = [a.target?.topic ?? '', b.target?.topic ?? '']
  if (own !== other) return own < other ? -1 : 1
  return (a.target?.partition ?? 0) - (b.target?.partition ?? 0)
}
