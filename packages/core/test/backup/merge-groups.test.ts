import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUnreadable, mergeGroups } from '../../src/backup/merge-groups.ts'
import type { GroupRecord, GroupsDocument } from '../../src/format/groups-document.ts'
import { groupsDigest } from '../../src/format/groups-document.ts'
import type { ConsumerGroup } from '../../src/kafka/consumer-group.ts'
import { LIMITS } from '../../src/runtime/limits.ts'

const FIRST_MS = 1_700_000_000_000
const LATER_MS = FIRST_MS + 60_000
const PLACE = { topic: 'orders', partition: 0, leaderEpoch: 3, metadata: 'm' }

function told(changes: Partial<ConsumerGroup> = {}): ConsumerGroup {
  const offsets = [{ ...PLACE, offset: 5n }]
  const group = {
    group: 'g',
    type: 'consumer',
    protocolType: 'consumer',
    state: 'Stable',
    members: 2,
  } as const
  return { ...group, offsets, failure: null, ...changes }
}

function documentOf(groups: readonly GroupRecord[], readAtMs = FIRST_MS): GroupsDocument {
  return { backupId: 'b', writer: '9f2c11ab', readAtMs: BigInt(readAtMs), clusterId: 'c', groups }
}

/** What a second reading says, of a group that had one offset in the first. */
function afterwards(changes: Partial<ConsumerGroup>, readAtMs = LATER_MS): GroupRecord | undefined {
  const before = documentOf(mergeGroups(null, [told()], FIRST_MS))
  return mergeGroups(before, [told(changes)], readAtMs)[0]
}

const KEPT = { readAtMs: BigInt(FIRST_MS), offsets: [{ ...PLACE, offset: 5n }] }

test('what is told takes the place of what was known', () => {
  const offsets = [
    { ...PLACE, partition: 2, offset: 9n },
    { ...PLACE, topic: 'a', partition: 1, offset: 1n },
    { ...PLACE, partition: 10, offset: 1n },
  ]
  const group = afterwards({ offsets })
  assert.equal(group?.readAtMs, BigInt(LATER_MS))
  assert.equal(group.unread, undefined)
  assert.deepEqual(
    group.offsets.map(({ topic, partition }) => `${topic}/${partition}`),
    ['a/1', 'orders/2', 'orders/10'],
  )
})

for (const [what, changes, unread] of [
  ['does not answer', { offsets: null, failure: 'NOT_COORDINATOR' }, 'NOT_COORDINATOR'],
  ['answers with no offset', { offsets: [] }, 'NO_OFFSETS'],
  ['is gone', { offsets: [], state: 'Absent', type: 'unknown', protocolType: '' }, 'ABSENT'],
] as const) {
  test(`of a group that ${what}, what was known is kept with its time and the reason`, () => {
    const group = afterwards(changes)
    assert.deepEqual({ readAtMs: group?.readAtMs, offsets: group?.offsets }, KEPT)
    assert.deepEqual([group?.unread, group?.type, group?.protocolType], [unread, 'consumer', 'consumer'])
    assert.equal(isUnreadable({ unread }), unread === 'NOT_COORDINATOR')
  })

  test(`of a group that ${what}, offsets are kept for as long as brokers keep them`, () => {
    assert.deepEqual(afterwards(changes, FIRST_MS + LIMITS.groupOffsetsKeptMs)?.offsets, KEPT.offsets)
    const late = afterwards(changes, FIRST_MS + LIMITS.groupOffsetsKeptMs + 1)
    if (unread === 'ABSENT') assert.equal(late, undefined)
    else assert.deepEqual([late?.offsets, late?.unread], [[], unread === 'NO_OFFSETS' ? undefined : unread])
  })
}

test('carried over again and again, offsets keep the time at which they were read', () => {
  let groups = mergeGroups(null, [told()], FIRST_MS)
  for (let round = 1; round < 5; round++)
    groups = mergeGroups(documentOf(groups), [told({ offsets: null, failure: 'X' })], FIRST_MS + round)
  assert.deepEqual(groups[0]?.readAtMs, BigInt(FIRST_MS))
})

test('groups without an offset are listed, those that are gone and unknown are not', () => {
  const empty = told({ group: 'empty', offsets: [] })
  const denied = told({ group: 'denied', offsets: null, failure: 'GROUP_AUTHORIZATION_FAILED' })
  const gone = told({ group: 'gone', offsets: [], state: 'Absent' })
  const groups = mergeGroups(null, [empty, denied, gone], FIRST_MS)
  assert.deepEqual(
    groups.map(({ group, unread, offsets }) => [group, unread, offsets.length]),
    [
      ['denied', 'GROUP_AUTHORIZATION_FAILED', 0],
      ['empty', undefined, 0],
    ],
  )
})

test('two readings say the same when nothing but times differs', () => {
  const digestOf = (groups: readonly GroupRecord[]) => groupsDigest(documentOf(groups))
  const first = mergeGroups(null, [told()], FIRST_MS)
  assert.equal(digestOf(mergeGroups(documentOf(first), [told()], LATER_MS)), digestOf(first))
  for (const change of [{ state: 'Empty' }, { members: 1 }, { offsets: [{ ...PLACE, offset: 6n }] }])
    assert.notEqual(digestOf(mergeGroups(documentOf(first), [told(change)], LATER_MS)), digestOf(first))
})
