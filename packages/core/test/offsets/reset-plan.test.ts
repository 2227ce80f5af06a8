import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupOffset, GroupRecord } from '../../src/format/groups-document.ts'
import type { OffsetReport, ReportRow } from '../../src/offsets/offset-report.ts'
import { planReset } from '../../src/offsets/reset-plan.ts'

function groupOf(group: string, type: GroupRecord['type'], offsets: readonly bigint[]) {
  const entry = { topic: 'orders', leaderEpoch: 3, metadata: 'm' }
  return {
    group,
    type,
    readAtMs: 1n,
    offsets: offsets.map((offset, partition): GroupOffset => ({ ...entry, partition, offset })),
  }
}

function rowOf(partition: number, target: readonly [number, bigint] | null): ReportRow {
  const source = {
    group: 'g',
    topic: 'orders',
    partition,
    sourceOffset: 5n,
    repeats: 0n,
    isRepeatsAtMost: false,
  }
  if (!target) return { ...source, target: null, targetOffset: null, how: 'unmapped', reason: 'not_restored' }
  const place = { topic: 'copy', partition: target[0] }
  return { ...source, target: place, targetOffset: target[1], how: 'exact', reason: null }
}

function reportOf(rows: readonly ReportRow[]): OffsetReport {
  return { rows, withoutOffsets: [], carried: [] }
}

test('each target partition is set once, and what has none is named', () => {
  const report = reportOf([rowOf(0, [1, 4n]), rowOf(1, [1, 4n]), rowOf(1, [0, 2n]), rowOf(2, null)])
  const plan = planReset([groupOf('g', 'classic', [5n, 5n, 5n])], report, { kind: 'from_mapping' })
  assert.deepEqual(plan.groups, [
    {
      group: 'g',
      topics: ['copy'],
      offsets: [
        { topic: 'copy', partition: 0, offset: 2n },
        { topic: 'copy', partition: 1, offset: 4n },
      ],
    },
  ])
  assert.deepEqual(plan.left, [
    { group: 'g', place: { topic: 'orders', partition: 2 }, reason: 'not_restored' },
  ])
  const moved = planReset([groupOf('g', 'classic', [5n])], report, { kind: 'to_latest' })
  assert.deepEqual(moved.groups, [{ group: 'g', topics: ['copy'], offsets: null }])
})

test('what groups had is set as it was, without what only the source knows', () => {
  const gone = { ...groupOf('h', 'classic', [2n]), unread: 'ABSENT' }
  const known = [groupOf('g', 'consumer', [5n, 0n]), gone]
  const { groups, carried } = planReset(known, null, { kind: 'as_of' })
  assert.deepEqual(groups[0]?.offsets, [
    { topic: 'orders', partition: 0, offset: 5n },
    { topic: 'orders', partition: 1, offset: 0n },
  ])
  assert.deepEqual(carried, [{ group: 'h', readAtMs: 1n, unread: 'ABSENT' }])
})

test('groups that the tool for consumer groups cannot set are named', () => {
  const groups = [
    groupOf('', 'classic', [1n]),
    groupOf('a\0b', 'classic', [1n]),
    groupOf('s', 'share', []),
    groupOf('t', 'streams', [1n]),
    groupOf('u', 'unknown', []),
    { ...groupOf('v', 'classic', []), unread: 'GROUP_AUTHORIZATION_FAILED' },
  ]
  const plan = planReset(groups, null, { kind: 'as_of' })
  assert.deepEqual(plan.groups, [])
  assert.deepEqual(
    plan.left.map(({ group, reason }) => [group, reason]),
    [
      ['', 'no_name'],
      ['a\0b', 'no_word'],
      ['s', 'share_group'],
      ['t', 'streams_group'],
      ['u', 'no_offsets'],
      ['v', 'unread'],
    ],
  )
})
