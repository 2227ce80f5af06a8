import {
  byGroup,
  byTopicAndPartition,
  type GroupRecord,
  type GroupsDocument,
} from '../format/groups-document.ts'
import { ABSENT, type ConsumerGroup } from '../kafka/consumer-group.ts'
import { LIMITS } from '../runtime/limits.ts'

/** No coordinator knows the group any more. */
const GONE = 'ABSENT'
/** The group had offsets, and answers with none. */
const NO_OFFSETS = 'NO_OFFSETS'

/**
 * What a new document says of groups: what was read, and what the one before knows of those that could not be read, or have
 * nothing now. Pure.
 */
export function mergeGroups(
  before: GroupsDocument | null,
  read: readonly ConsumerGroup[],
  readAtMs: number,
): GroupRecord[] {
  const oldestMs = BigInt(readAtMs - LIMITS.groupOffsetsKeptMs)
  const known = new Map(
    before?.groups.filter((entry) => entry.readAtMs >= oldestMs).map((entry) => [entry.group, entry]),
  )
  return read.flatMap((entry) => mergedGroup(known.get(entry.group), entry, readAtMs) ?? []).sort(byGroup)
}

/** True when the offsets of a group are wanted and were not told: neither is it gone, nor has it none. */
export function isUnreadable({ unread }: Pick<GroupRecord, 'unread'>): boolean {
  return unread !== undefined && unread !== GONE && unread !== NO_OFFSETS
}

/** Nothing for a group that is gone and of which nothing is known. */
function mergedGroup(
  known: GroupRecord | undefined,
  { group, type, protocolType, state, members, offsets, failure }: ConsumerGroup,
  readAtMs: number,
): GroupRecord | undefined {
  const told = { group, type, protocolType, state, members, readAtMs: BigInt(readAtMs) }
  const isTold = offsets !== null && offsets.length > 0
  if (isTold) {
    return { ...told, offsets: [...offsets].sort(byTopicAndPartition) }
  }
  const unread = failure ?? (state === ABSENT ? GONE : undefined)
  const kept = known && known.offsets.length > 0 ? known : undefined
  if (kept) {
    const { readAtMs: keptAtMs, offsets: keptOffsets } = kept
    // Where the cluster says no more what it is, it is what it was.
    const identity =
      type === 'unknown' ? { type: kept.type, protocolType: protocolType || kept.protocolType } : {}
    return { ...told, ...identity, readAtMs: keptAtMs, unread: unread ?? NO_OFFSETS, offsets: keptOffsets }
  }
  if (state === ABSENT) return undefined
  return { ...told, ...(unread === undefined ? {} : { unread }), offsets: [] }
}
