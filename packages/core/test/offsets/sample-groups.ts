import type { GroupRecord } from '../../src/format/groups-document.ts'

/** A group that has committed these offsets, by partition, of `orders`. */
export function groupOf(
  group: string,
  offsets: ReadonlyMap<number, bigint>,
  more: Partial<GroupRecord> = {},
): GroupRecord {
  const entry = { topic: 'orders', leaderEpoch: -1, metadata: '' }
  return {
    ...{ group, type: 'classic', protocolType: 'consumer', state: 'Empty', members: 0, readAtMs: 1n },
    offsets: [...offsets].map(([partition, offset]) => ({ ...entry, partition, offset })),
    ...more,
  }
}
