import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState, inheritedEndOffset } from '../../src/format/backup-state.ts'
import type { Commit, DivergenceRecord, GapRecord } from '../../src/format/commit.ts'
import type { SegmentPart } from '../../src/format/segment-record.ts'
import { encodeSnapshot } from '../../src/format/snapshot.ts'
import { prng } from '../protocol/prng.ts'
import { expectCode } from '../protocol/samples.ts'
import { begun, commit, divergence, expectRefused, gap, part, RUN, segment, TOPICS } from './fold-samples.ts'
import { nextCommit, randomState, randomStep } from './random-log.ts'

/** orders/0 went on with history 2 at offset 6, and holds [6, 20) of it. */
function diverged(changes: Partial<DivergenceRecord> = {}): BackupState {
  const state = begun()
  const own = divergence(changes)
  const begin = own.beginOffset
  const segments = [segment(part(begin, 19n, { lineage: 2 }))]
  state.apply(commit(2n, { divergences: [own], segments }), '2')
  return state
}

test('a divergence ends a history and begins the next one, and both are kept', () => {
  const state = diverged()
  const [first, second, ...none] = state.partitions()
  assert.deepEqual(none, [])
  assert.equal(state.partitionCount, 1)
  assert.deepEqual(
    [first, second].map((history) => history?.lineage),
    [1, 2],
  )
  assert.equal(first?.nextOffset, 10n)
  assert.equal(first?.parts[0]?.part.beginOffset, 5n)
  assert.equal(first?.divergence, null)
  assert.equal(first?.sinceCommit, 1n)
  assert.equal(second?.beginOffset, 6n)
  assert.equal(second?.nextOffset, 20n)
  assert.deepEqual(second?.divergence, divergence())
  assert.equal(second?.sinceCommit, 2n)
  assert.equal(state.partition('orders', 0), second)
  assert.deepEqual(state.histories('orders', 0), [first, second])
  assert.deepEqual(state.histories('orders', 1), [])
  state.apply(commit(3n, { segments: [segment(part(20n, 22n, { lineage: 2 }))] }), '3')
  assert.equal(state.partition('orders', 0)?.nextOffset, 23n)
})

test('one commit may hold the end of a history and the whole of others, in any order', () => {
  const state = begun()
  const third = divergence({ lineage: 3, previousEndOffset: 4n, beginOffset: 100n, commonEndOffset: null })
  const second = divergence({ previousEndOffset: 15n, beginOffset: 1n, commonEndOffset: 15n })
  state.apply(
    commit(2n, {
      segments: [
        segment(part(1n, 3n, { lineage: 2 }), part(100n, 101n, { lineage: 3 })),
        segment(part(10n, 11n)),
      ],
      gaps: [{ ...gap(102n, 104n), lineage: 3 }, gap(12n, 15n)],
      divergences: [third, second],
    }),
    '2',
  )
  assert.deepEqual(
    state.partitions().map((history) => [history.lineage, history.beginOffset, history.nextOffset]),
    [
      [1, 5n, 15n],
      [2, 1n, 4n],
      [3, 100n, 104n],
    ],
  )
})

test('a partition may begin and part from its history within one commit', () => {
  const state = new BackupState('b')
  const begins = [{ topic: 'orders', partition: 1, offset: 0n }]
  const parted = divergence({ partition: 1, beginOffset: 0n, previousEndOffset: 0n, commonEndOffset: null })
  state.apply(commit(1n, { topics: TOPICS, begins, divergences: [parted] }), '1')
  assert.deepEqual(
    state.histories('orders', 1).map((history) => history.lineage),
    [1, 2],
  )
})

test('a divergence that does not continue the newest history is refused', () => {
  const cases: [string, Partial<DivergenceRecord>][] = [
    ['the number of the newest history', { lineage: 1 }],
    ['a number too far', { lineage: 3 }],
    ['an end below the next offset', { previousEndOffset: 9n }],
    ['an end above the next offset', { previousEndOffset: 11n }],
    ['offsets in common that the backup never held', { commonEndOffset: 11n }],
    ['offsets in common with a deleted topic', { reason: 'topic_recreated' }],
    ['a partition that never began', { partition: 1 }],
    ['an unknown topic', { topic: 'unknown' }],
  ]
  for (const [what, changes] of cases) {
    expectRefused(begun(), commit(2n, { divergences: [divergence(changes)] }), what)
  }
  const twice = [divergence(), divergence()]
  expectRefused(begun(), commit(2n, { divergences: twice }), 'the same history twice')
})

test('nothing is added to a history that ended, nor to one that never began', () => {
  const later = { lineage: 2 }
  const cases: [string, BackupState, Partial<Commit>][] = [
    ['a part of the earlier history', diverged(), { segments: [segment(part(10n, 12n))] }],
    ['a gap of the earlier history', diverged(), { gaps: [gap(10n, 12n)] }],
    ['a part of a history to come', begun(), { segments: [segment(part(10n, 12n, later))] }],
    ['a gap of a history to come', begun(), { gaps: [{ ...gap(10n, 12n), ...later }] }],
    [
      'a part behind the end that the divergence of the same commit says',
      begun(),
      { segments: [segment(part(10n, 12n))], divergences: [divergence()] },
    ],
    [
      'a part of the next history that does not begin where it begins',
      begun(),
      { segments: [segment(part(5n, 7n, later))], divergences: [divergence()] },
    ],
  ]
  for (const [what, state, content] of cases) {
    const number = state.nextNumber
    const previousSha256 = state.tip?.sha256 ?? null
    expectRefused(state, commit(number, { ...content, previousSha256 }), what)
  }
})

test('what is inherited lies below both the begin and the common end', () => {
  const inheritedOf = (changes: Partial<DivergenceRecord>) => {
    const newest = diverged(changes).partition('orders', 0)
    assert.ok(newest)
    return inheritedEndOffset(newest)
  }
  assert.equal(inheritedOf({ beginOffset: 6n, commonEndOffset: 8n }), 6n)
  assert.equal(inheritedOf({ beginOffset: 8n, commonEndOffset: 6n }), 6n)
  assert.equal(inheritedOf({ commonEndOffset: null }), null)
  const first = begun().partition('orders', 0)
  assert.ok(first)
  assert.equal(inheritedEndOffset(first), null)
})

test('each history knows the id that its topic had', () => {
  const state = new BackupState('b')
  const ids = ['A', 'B'].map((letter) => letter.repeat(22))
  const [first = '', second = ''] = ids
  const begins = [0, 1].map((partition) => ({ topic: 'orders', partition, offset: 5n }))
  state.apply(commit(1n, { topics: [{ name: 'orders', topicId: first, partitions: 2 }], begins }), '1')
  const recreated = divergence({
    reason: 'topic_recreated',
    topicId: second,
    commonEndOffset: null,
    previousEndOffset: 5n,
  })
  const topics = [{ name: 'orders', topicId: second, partitions: 1 }]
  state.apply(commit(2n, { topics, divergences: [recreated] }), '2')
  assert.deepEqual(
    state.partitions().map(({ partition, lineage, topicId }) => [partition, lineage, topicId]),
    [
      [0, 1, first],
      [0, 2, second],
      [1, 1, first],
    ],
  )
})

test('all commits of a backup have one isolation level', () => {
  const state = begun()
  assert.equal(state.isolation, 'read_committed')
  const run = { ...RUN, isolation: 'read_uncommitted' as const }
  expectRefused(state, commit(2n, { run }), 'another isolation level')
  assert.equal(new BackupState('b').isolation, null)
})

test('of what a run did not get, its last commit counts', () => {
  const state = begun()
  const unread = [
    {
      topic: 'orders',
      partition: 0,
      firstOffset: 10n,
      endOffset: 12n,
      reason: 'open_transaction' as const,
      detail: 'producer 7',
    },
  ]
  state.apply(commit(2n, { run: { ...RUN, unread } }), '2')
  assert.deepEqual(state.runs[0]?.unread, unread)
  state.apply(commit(3n), '3')
  assert.deepEqual(state.runs[0]?.unread, [])
})

test('a last batch behind the end of its part is refused', () => {
  const wrong = part(10n, 12n, { lastBatch: { baseOffset: 13n, crc: 1 } })
  expectRefused(begun(), commit(2n, { segments: [segment(wrong)] }), 'a batch behind the end')
})

/** Every way in which one commit may not continue a log, where the commit has what can be wrong. */
function violations(commit: Commit): Commit[] {
  const wrong: Commit[] = []
  for (const [at, gap] of commit.gaps.entries()) {
    const put = (changes: Partial<GapRecord>) =>
      wrong.push({ ...commit, gaps: commit.gaps.with(at, { ...gap, ...changes }) })
    put({ lineage: gap.lineage + 1 })
    put({ lineage: gap.lineage - 1 })
    put({ firstOffset: gap.firstOffset - 1n })
    put({ firstOffset: gap.firstOffset + 1n })
    put({ endOffset: gap.firstOffset })
  }
  for (const [at, segment] of commit.segments.entries()) {
    const put = (changes: Partial<SegmentPart>) => {
      const parts = segment.parts.map((part) => ({ ...part, ...changes }))
      wrong.push({ ...commit, segments: commit.segments.with(at, { ...segment, parts }) })
    }
    const [part] = segment.parts
    assert.ok(part)
    put({ lineage: part.lineage + 1 })
    put({ lineage: part.lineage - 1 })
    put({ beginOffset: part.beginOffset - 1n })
    put({ nextOffset: part.nextOffset + 1n })
    put({ lastBatch: { baseOffset: part.lastOffset + 1n, crc: 0 } })
  }
  for (const [at, entry] of commit.divergences.entries()) {
    const put = (changes: Partial<DivergenceRecord>) =>
      wrong.push({ ...commit, divergences: commit.divergences.with(at, { ...entry, ...changes }) })
    put({ lineage: entry.lineage + 1 })
    put({ lineage: entry.lineage - 1 })
    put({ previousEndOffset: entry.previousEndOffset + 1n })
    put({ previousEndOffset: entry.previousEndOffset - 1n, commonEndOffset: null })
    put({ commonEndOffset: entry.previousEndOffset + 1n })
    wrong.push({ ...commit, divergences: [...commit.divergences, entry] })
  }
  const { run } = commit
  assert.ok(run)
  const isolation = run.isolation === 'read_committed' ? 'read_uncommitted' : 'read_committed'
  return [...wrong, { ...commit, run: { ...run, isolation } }]
}

test('of random logs, every commit is taken, and none that is wrong in one place', () => {
  let refused = 0
  for (let seed = 1; seed <= 60; seed++) {
    const random = prng(seed)
    const state = randomState(random, 1 + (seed % 9))
    const next = nextCommit(random, state, randomStep(random, state, 99))
    const before = encodeSnapshot(state)
    for (const wrong of violations(next)) {
      expectCode('KB_COMMIT_CORRUPT', () => state.apply(wrong, 'x'), `seed ${seed}`)
      refused++
    }
    assert.ok(encodeSnapshot(state).equals(before), `seed ${seed}`)
    state.apply(next, 'x')
  }
  assert.ok(refused > 300, `${refused} were refused`)
})
