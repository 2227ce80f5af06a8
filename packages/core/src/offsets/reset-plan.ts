import type { GroupRecord } from '../format/groups-document.ts'
import { isShellWord } from '../runtime/shell-word.ts'
import type { CarriedGroup, OffsetReport, ReportRow } from './offset-report.ts'
import type { WantedOffset } from './translate-offsets.ts'

/**
 * To where groups are set. `from_mapping`: to where a restore put what they wanted next. `as_of`: to what they had committed when the backup
 * read them, under the same names of topics and with the same offsets. The others mean every partition of their topics.
 */
export type ResetStrategy =
  | { readonly kind: 'to_earliest' | 'to_latest' | 'from_mapping' | 'as_of' }
  | { readonly kind: 'to_offset'; readonly offset: bigint }
  | { readonly kind: 'to_timestamp'; readonly timestampMs: bigint }

/** What is set for one group. */
export interface GroupReset {
  readonly group: string
  /** Of the target, ascending. */
  readonly topics: readonly string[]
  /** In order of topic and partition; null: the strategy says it for all partitions. */
  readonly offsets: readonly WantedOffset[] | null
}

/** What a plan leaves as it is, and why. */
export interface LeftAsIs {
  readonly group: string
  /** null: the whole group. */
  readonly place: { readonly topic: string; readonly partition: number } | null
  readonly reason: string
}

/** What is to be set. Somebody else sets it. */
export interface ResetPlan {
  readonly strategy: ResetStrategy
  /** In order of name. */
  readonly groups: readonly GroupReset[]
  readonly left: readonly LeftAsIs[]
  /** Groups that are set to what they had when they could still be read. */
  readonly carried: readonly CarriedGroup[]
}

type KnownGroup = Pick<GroupRecord, 'group' | 'type' | 'offsets' | 'readAtMs' | 'unread'>

/** Decides what is to be set. `report` is of the same groups; null: none of a restore, so that topics have their own names. Pure. */
export function planReset(
  groups: readonly KnownGroup[],
  report: OffsetReport | null,
  strategy: ResetStrategy,
): ResetPlan {
  const resets: GroupReset[] = []
  const left: LeftAsIs[] = []
  const carried: CarriedGroup[] = []
  const rowsOf = report && Map.groupBy(report.rows, ({ group }) => group)
  for (const own of groups) {
    const refusal = refusalOf(own)
    if (refusal !== undefined) {
      left.push({ group: own.group, place: null, reason: refusal })
      continue
    }
    const { offsets, unmapped } = rowsOf
      ? mappedOf(rowsOf.get(own.group) ?? [])
      : { offsets: own.offsets, unmapped: [] }
    left.push(...unmapped)
    if (offsets.length === 0) continue
    if (own.unread !== undefined)
      carried.push({ group: own.group, readAtMs: own.readAtMs, unread: own.unread })
    const topics = [...new Set(offsets.map(({ topic }) => topic))].sort()
    const isByPartition = strategy.kind === 'from_mapping' || strategy.kind === 'as_of'
    resets.push({ group: own.group, topics, offsets: isByPartition ? offsets.map(bare) : null })
  }
  return { strategy, groups: resets, left, carried }
}

/** What a script that calls Kafka's tool for consumer groups cannot set. */
function refusalOf({ group, type, offsets, unread }: KnownGroup): string | undefined {
  if (group === '') return 'no_name'
  if (!isShellWord(group)) return 'no_word'
  if (type === 'share' || type === 'streams') return `${type}_group`
  if (offsets.length > 0) return undefined
  return unread === undefined ? 'no_offsets' : 'unread'
}

function mappedOf(rows: readonly ReportRow[]) {
  const offsets = new Map<string, WantedOffset>()
  const unmapped: LeftAsIs[] = []
  for (const row of rows) {
    const { group, topic, partition, target, targetOffset: offset, reason } = row
    if (target && offset !== null) {
      offsets.set(`${target.topic}/${target.partition}`, { ...target, offset })
    } else if (reason !== null) {
      unmapped.push({ group, place: { topic, partition }, reason })
    }
  }
  return { offsets: [...offsets.values()].sort(byPlace), unmapped }
}

function bare({ topic, partition, offset }: WantedOffset): WantedOffset {
  return { topic, partition, offset }
}

function byPlace(a: WantedOffset, b: WantedOffset): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}
