import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackupState } from '../../src/format/backup-state.ts'
import { planRestore, type RestorePlan } from '../../src/restore/restore-plan.ts'
import { begun, commit, divergence, gap, part, segment } from '../format/fold-samples.ts'

const EVERYTHING = { topics: undefined, topicMapping: new Map<string, string>() }

/** The parts of the only partition: where they begin, and up to where they are restored. */
function partsOf(plan: RestorePlan): [lineage: number, begin: bigint, end: bigint | null][] {
  const [partition, ...none] = plan.partitions
  assert.deepEqual(none, [])
  return (partition?.parts ?? []).map(({ part: { lineage, beginOffset }, endOffset }) => {
    return [lineage, beginOffset, endOffset]
  })
}

function plan(state: BackupState): RestorePlan {
  return planRestore(state, EVERYTHING)
}

const RECORDS = part(0n, 0n).records

test('of a partition with one history, everything is restored', () => {
  const state = begun()
  state.apply(commit(2n, { segments: [segment(part(12n, 19n))], gaps: [gap(10n, 12n)] }), '2')
  const whole = plan(state)
  assert.deepEqual(partsOf(whole), [
    [1, 5n, null],
    [1, 12n, null],
  ])
  assert.equal(whole.isExact, true)
  assert.equal(whole.records, 2 * RECORDS)
  assert.deepEqual(whole.gaps, [gap(10n, 12n)])
  assert.equal(whole.partitions[0]?.lineage, 1)
})

test('the newest history is restored, after what it inherits', () => {
  const state = begun()
  const segments = [segment(part(10n, 14n)), segment(part(17n, 29n))]
  state.apply(commit(2n, { segments, gaps: [gap(15n, 17n)] }), '2')
  const parted = divergence({ previousEndOffset: 30n, beginOffset: 20n, commonEndOffset: 25n })
  const own = [segment(part(20n, 21n, { lineage: 2 }))]
  const gaps = [{ ...gap(22n, 24n), lineage: 2 }]
  state.apply(commit(3n, { divergences: [parted], segments: own, gaps }), '3')
  const newest = plan(state)
  // [17, 30) of the first history is restored up to where the second one begins.
  assert.deepEqual(partsOf(newest), [
    [1, 5n, null],
    [1, 10n, null],
    [1, 17n, 20n],
    [2, 20n, null],
  ])
  assert.equal(newest.isExact, false)
  assert.equal(newest.records, 4 * RECORDS)
  assert.deepEqual(newest.gaps, [gap(15n, 17n), ...gaps])
  const [partition] = newest.partitions
  assert.equal(partition?.lineage, 2)
  assert.equal(partition?.sinceCommit, 3n)
  assert.equal(partition?.inheritedEndOffset, 20n)
})

test('nothing is inherited from a topic of the same name, nor when it is not known what is common', () => {
  for (const reason of ['topic_recreated', 'log_replaced'] as const) {
    const state = begun()
    const parted = divergence({ reason, beginOffset: 6n, commonEndOffset: null })
    const segments = [segment(part(6n, 7n, { lineage: 2 }))]
    state.apply(commit(2n, { divergences: [parted], segments }), '2')
    assert.deepEqual(partsOf(plan(state)), [[2, 6n, null]])
    assert.equal(plan(state).isExact, true)
  }
})

test('what is inherited from several histories is clipped by each of them', () => {
  const state = begun()
  const inherited = (lineage: number, previousEndOffset: bigint, beginOffset: bigint, common: bigint) =>
    divergence({ lineage, previousEndOffset, beginOffset, commonEndOffset: common })
  state.apply(commit(2n, { segments: [segment(part(10n, 29n))] }), '2')
  // History 2 shares [5, 20) and holds [20, 40); history 3 shares [5, 12) of both, and holds [30, 32).
  const second = segment(part(20n, 39n, { lineage: 2 }))
  state.apply(commit(3n, { divergences: [inherited(2, 30n, 20n, 25n)], segments: [second] }), '3')
  const third = segment(part(30n, 31n, { lineage: 3 }))
  state.apply(commit(4n, { divergences: [inherited(3, 40n, 30n, 12n)], segments: [third] }), '4')
  assert.deepEqual(partsOf(plan(state)), [
    [1, 5n, null],
    [1, 10n, 12n],
    [3, 30n, null],
  ])
  // A fourth one that shares [5, 31) of the third.
  state.apply(commit(5n, { divergences: [inherited(4, 32n, 31n, 32n)] }), '5')
  assert.deepEqual(partsOf(plan(state)), [
    [1, 5n, null],
    [1, 10n, 12n],
    [3, 30n, 31n],
  ])
})

test('a part of which only the hole before it would be inherited is left out', () => {
  const state = begun()
  const late = part(10n, 19n, { firstOffset: 15n, holes: [[10n, 15n]] })
  state.apply(commit(2n, { segments: [segment(late)] }), '2')
  const parted = divergence({ previousEndOffset: 20n, beginOffset: 12n, commonEndOffset: 20n })
  state.apply(commit(3n, { divergences: [parted] }), '3')
  assert.deepEqual(partsOf(plan(state)), [[1, 5n, null]])
  assert.equal(plan(state).isExact, true)
})

test('gaps of what is inherited end where it ends', () => {
  const state = begun()
  state.apply(commit(2n, { gaps: [gap(10n, 20n), gap(20n, 30n)] }), '2')
  const parted = divergence({ previousEndOffset: 30n, beginOffset: 15n, commonEndOffset: 30n })
  state.apply(commit(3n, { divergences: [parted] }), '3')
  assert.deepEqual(plan(state).gaps, [gap(10n, 15n)])
})

test('partitions that only an earlier topic of the name had are not restored', () => {
  const state = begun()
  const begins = [{ topic: 'orders', partition: 1, offset: 0n }]
  const segments = [segment(part(0n, 4n, { partition: 1 }))]
  const lost = { ...gap(5n, 7n), partition: 1 }
  state.apply(commit(2n, { begins, segments, gaps: [lost] }), '2')
  assert.equal(plan(state).partitions.length, 2)
  assert.deepEqual(plan(state).gaps, [lost])
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const parted = divergence({ reason: 'topic_recreated', beginOffset: 0n, commonEndOffset: null })
  state.apply(commit(3n, { topics, divergences: [parted] }), '3')
  const newest = plan(state)
  assert.deepEqual(partsOf(newest), [])
  assert.deepEqual(newest.gaps, [])
  assert.equal(newest.topics[0]?.partitionCount, 1)
  assert.equal(newest.records, 0)
  assert.equal(newest.topics[0]?.maxTimestampMs, -1n)
})
