import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import type { Commit } from '../../src/format/commit.ts'
import type { SegmentPart } from '../../src/format/segment-record.ts'
import { begun, commit, DIGEST, expectRefused, gap, part, RUN, segment, TOPICS } from './fold-samples.ts'

test('commits are folded in order, and the checkpoint follows', () => {
  const state = begun()
  assert.equal(state.nextNumber, 2n)
  state.apply(
    commit(2n, {
      segments: [segment(part(20n, 24n)), segment(part(10n, 14n))],
      gaps: [gap(15n, 20n)],
      begins: [{ topic: 'orders', partition: 1, offset: 0n }],
      artifacts: [{ kind: 'report', key: 'k', bytes: 1, sha256: DIGEST }],
    }),
    '2',
  )
  const [zero, one] = state.partitions()
  assert.equal(zero?.nextOffset, 25n)
  assert.equal(zero?.beginOffset, 5n)
  assert.deepEqual(
    zero?.parts.map((placed) => placed.part.beginOffset),
    [5n, 10n, 20n],
  )
  assert.deepEqual(zero?.gaps, [gap(15n, 20n)])
  assert.equal(one?.nextOffset, 0n)
  assert.deepEqual(state.tip, { number: 2n, sha256: '2', createdAtMs: 20n })
  assert.equal(state.createdAtMs, 10n)
  assert.equal(state.segments.length, 3)
  assert.equal(state.artifacts.length, 1)
})

test('the commits of one run become one summary', () => {
  const state = begun()
  state.apply(commit(2n, { gaps: [gap(10n, 11n)] }), '2')
  const run = { ...RUN, outcome: 'complete' as const }
  state.apply(commit(3n, { run, segments: [segment(part(11n, 12n))] }), '3')
  state.apply(commit(4n, { run: { ...run, id: 'run-2' } }), '4')
  const records = part(0n, 0n).records
  assert.deepEqual(state.runs, [
    { ...run, lastCommit: 3n, endedAtMs: 30n, records: records * 2, storedBytes: 20, gaps: 1 },
    { ...run, id: 'run-2', lastCommit: 4n, endedAtMs: 40n, records: 0, storedBytes: 0, gaps: 0 },
  ])
})

test('a commit out of place is refused, and nothing is folded', () => {
  expectRefused(begun(), commit(2n, { backupId: 'other' }), 'another backup')
  expectRefused(begun(), commit(1n), 'the same number again')
  expectRefused(begun(), commit(3n), 'a number too far')
  expectRefused(begun(), commit(2n, { previousSha256: 'x' }), 'another predecessor')
  expectRefused(begun(), commit(2n, { previousSha256: null }), 'no predecessor')
  expectRefused(new BackupState('b'), commit(1n, { previousSha256: 'x' }), 'a predecessor of the first')
})

test('a partition begins once, in a topic that is known and large enough', () => {
  const begin = (partition: number, topic = 'orders') => ({ topic, partition, offset: 0n })
  expectRefused(begun(), commit(2n, { begins: [begin(0)] }), 'it began already')
  expectRefused(begun(), commit(2n, { begins: [begin(2)] }), 'beyond the topic')
  expectRefused(begun(), commit(2n, { begins: [begin(0, 'unknown')] }), 'unknown topic')
  expectRefused(begun(), commit(2n, { begins: [begin(1), begin(1)] }), 'twice in one commit')
  const grown = begun()
  grown.apply(commit(2n, { topics: [{ ...TOPICS[0]!, partitions: 3 }], begins: [begin(2)] }), '2')
  assert.equal(grown.partitions().length, 2)
})

test('parts and gaps that do not go on at the next offset are refused', () => {
  const cases: [string, Partial<Commit>][] = [
    ['an overlap', { segments: [segment(part(9n, 12n))] }],
    ['a jump', { segments: [segment(part(11n, 12n))] }],
    ['a gap that overlaps', { gaps: [gap(9n, 12n)] }],
    ['a gap behind a jump', { gaps: [gap(12n, 13n)] }],
    ['an empty gap', { gaps: [gap(10n, 10n)] }],
    ['a gap backwards', { gaps: [gap(10n, 8n)] }],
    ['two parts of the same offsets', { segments: [segment(part(10n, 12n)), segment(part(10n, 12n))] }],
    ['a jump within the commit', { segments: [segment(part(10n, 12n)), segment(part(14n, 15n))] }],
    ['a partition that never began', { segments: [segment(part(0n, 1n, { partition: 1 }))] }],
  ]
  for (const [what, content] of cases) expectRefused(begun(), commit(2n, content), what)
})

test('a part that does not explain all of its offsets is refused', () => {
  const cases: [string, Partial<SegmentPart>][] = [
    ['a first offset before the begin', { firstOffset: 9n }],
    ['a last offset before the first', { lastOffset: 9n, nextOffset: 10n }],
    ['a next offset that is not one more than the last', { nextOffset: 22n }],
    ['no frame', { frames: [3, 3] }],
    ['frames backwards', { frames: [3, 2] }],
    ['offsets before the first batch without a hole', { firstOffset: 12n }],
    ['a leading hole that is too short', { firstOffset: 12n, holes: [[10n, 11n]] }],
    ['a leading hole that is too long', { firstOffset: 12n, holes: [[10n, 13n]] }],
    ['a leading hole behind the begin', { firstOffset: 12n, holes: [[11n, 12n]] }],
    ['a hole where the first batch is', { holes: [[10n, 12n]] }],
    ['an empty hole', { holes: [[12n, 12n]] }],
    ['a hole backwards', { holes: [[13n, 12n]] }],
    ['a hole before the begin', { holes: [[8n, 9n]] }],
    [
      'holes out of order',
      {
        holes: [
          [15n, 16n],
          [12n, 13n],
        ],
      },
    ],
    [
      'holes that overlap',
      {
        holes: [
          [12n, 15n],
          [14n, 16n],
        ],
      },
    ],
    ['a hole over the last offset', { holes: [[19n, 21n]] }],
  ]
  for (const [what, changes] of cases) {
    expectRefused(begun(), commit(2n, { segments: [segment(part(10n, 20n, changes))] }), what)
  }
  const whole = begun()
  const holes = [
    [10n, 12n],
    [14n, 16n],
    [16n, 20n],
  ] as const
  whole.apply(commit(2n, { segments: [segment(part(10n, 20n, { firstOffset: 12n, holes }))] }), '2')
  assert.equal(whole.partition('orders', 0)?.nextOffset, 21n)
})

test('partitions are in order of name and number', () => {
  const state = new BackupState('b')
  const names = [
    ['b', 10],
    ['a', 2],
    ['b', 9],
    ['A', 0],
    ['a', 10],
  ] as const
  const topics = ['a', 'b', 'A'].map((name) => ({ name, topicId: null, partitions: 20 }))
  const begins = names.map(([topic, partition]) => ({ topic, partition, offset: 0n }))
  state.apply(commit(1n, { topics, begins }), '1')
  assert.deepEqual(
    state.partitions().map((entry) => `${entry.topic}/${entry.partition}`),
    ['A/0', 'a/2', 'a/10', 'b/9', 'b/10'],
  )
})
