import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackupState } from '../../src/format/backup-state.ts'
import { planRestore, type RestoreSelection } from '../../src/restore/restore-plan.ts'
import { begun, commit, divergence, gap, part, segment } from '../format/fold-samples.ts'

/** Offsets that the only partition covers, and records that it has for certain. */
function extentOf(
  state: BackupState,
  selection: Partial<RestoreSelection> = {},
): [begin: bigint, end: bigint, leastRecords: number] {
  const plan = planRestore(state, { topics: undefined, topicMapping: new Map(), ...selection })
  const { offsets, leastRecords } = plan.partitions[0]!
  return [offsets.beginOffset, offsets.endOffset, leastRecords]
}

/** Records [100, 150) and [160, 200), 45 and 40 of them, between gaps: behind what `begun` has, up to 210. */
function holed(): BackupState {
  const state = begun()
  const times = { minTimestampMs: 1_000n, maxTimestampMs: 1_999n }
  const first = part(100n, 149n, { records: 45, ...times })
  const second = part(160n, 199n, { records: 40, minTimestampMs: 2_000n, maxTimestampMs: 2_999n })
  const gaps = [gap(10n, 100n), gap(150n, 160n), gap(200n, 210n)]
  state.apply(commit(2n, { segments: [segment(first), segment(second)], gaps }), '2')
  return state
}

test('without a choice a partition covers all of its history, gaps at its end included', () => {
  const [begin, end] = extentOf(holed())
  assert.deepEqual([begin, end], [5n, 210n])
})

test('a range is covered from its first offset to its last, and holes of a part that is cut count against it', () => {
  const range = { topic: 'orders', partition: 0, firstOffset: 110n, lastOffset: 179n }
  // Of [110, 150) up to 5 may be holes; [160, 180) has none.
  assert.deepEqual(extentOf(holed(), { offsetRanges: [range] }), [110n, 180n, 35 + 20])
  const open = { ...range, lastOffset: null }
  assert.deepEqual(extentOf(holed(), { offsetRanges: [open] }), [110n, 210n, 35 + 40])
})

test('a range that begins in a gap is covered from behind it', () => {
  const range = { topic: 'orders', partition: 0, firstOffset: 50n, lastOffset: null }
  assert.deepEqual(extentOf(holed(), { offsetRanges: [range] }), [100n, 210n, 45 + 40])
  assert.deepEqual(extentOf(holed(), { offsetRanges: [{ ...range, firstOffset: 202n }] }), [210n, 210n, 0])
})

test('a window covers the parts that have records in it, and those of a part that is cut may all be left out', () => {
  const offsetRanges = [{ topic: 'orders', partition: 0, firstOffset: 90n, lastOffset: null }]
  const from = (fromMs: bigint) => extentOf(holed(), { offsetRanges, window: { fromMs, toMs: null } })
  assert.deepEqual(from(1_000n), [100n, 200n, 45 + 40])
  assert.deepEqual(from(2_000n), [160n, 200n, 40])
  assert.deepEqual(from(2_500n), [160n, 200n, 0])
})

test('a history that goes on from another one begins where that one begins', () => {
  const state = begun()
  state.apply(
    commit(2n, {
      divergences: [divergence({ beginOffset: 6n, commonEndOffset: 8n })],
      segments: [segment(part(6n, 20n, { lineage: 2 }))],
    }),
    '2',
  )
  assert.deepEqual(extentOf(state).slice(0, 2), [5n, 21n])
})
