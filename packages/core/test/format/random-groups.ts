import type { GroupsDocument } from '../../src/format/groups-document.ts'
import type { Prng } from '../protocol/prng.ts'

/** A document with every field drawn, as its decoder gives it back. */
export function randomGroups(random: Prng, count: number): GroupsDocument {
  const names = Array.from(
    { length: count },
    (_, at) => `${random.pick(['', 'ü "', '\u{1f4be}', 'a\n'])}${at}`,
  )
  const groups = [...new Set(names)].sort().map((group) => ({
    group,
    type: random.pick(['classic', 'consumer', 'share', 'streams', 'unknown'] as const),
    protocolType: random.pick(['', 'consumer', 'connect']),
    state: random.pick(['Stable', 'Empty', 'Absent']),
    members: random.below(5),
    readAtMs: BigInt(random.below(1e9)),
    ...(random.chance(0.3) ? { unread: 'NOT_COORDINATOR' } : {}),
    offsets: Array.from({ length: random.below(4) }, (_, partition) => ({
      topic: 'orders',
      partition,
      offset: random.pick([0n, 7n, 2n ** 53n + 1n, 2n ** 63n - 1n]),
      leaderEpoch: random.below(3) - 1,
      metadata: random.pick(['', 'text "é" \u2028']),
    })),
  }))
  return { backupId: 'b', writer: '9f2c11ab', readAtMs: 1_700_000_000_000n, clusterId: 'cluster', groups }
}
