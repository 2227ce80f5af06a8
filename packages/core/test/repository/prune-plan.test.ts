import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackupState, PartitionState } from '../../src/format/backup-state.ts'
import { type PruneChoice, planPrune } from '../../src/repository/prune-plan.ts'

const EVERYTHING: PruneChoice = {
  beforeMs: 1_000n,
  maxBytes: null,
  floor: null,
  isChosen: () => true,
  hasCompacted: false,
  documentBounds: [],
}

/** A history of segments of ten records each, the first at offset 0; `shares`: how many partitions each segment is of. */
function historyOf(lineage: number, shares: readonly number[]): PartitionState {
  const parts = shares.map((count, at) => ({
    part: {
      ...{ firstOffset: BigInt(at * 10), nextOffset: BigInt(at * 10 + 10), records: 10, holes: [] },
      ...{ minTimestampMs: 1n, maxTimestampMs: 2n },
    },
    segment: { key: `lineage-${lineage}-${at}`, bytes: 100, parts: Array.from({ length: count }) },
  }))
  const place = { topic: 'orders', partition: 0, lineage, beginOffset: 0n, nextOffset: 100n }
  return { ...place, parts, gaps: [], pruned: null } as unknown as PartitionState
}

function planOf(histories: readonly PartitionState[]) {
  const segments = histories.flatMap(({ parts }) => parts.map(({ segment }) => segment))
  const state = { backupId: 'b', tip: null, segments, artifacts: [], partitions: () => histories }
  const { entries } = planPrune(state as unknown as BackupState, EVERYTHING)
  return entries.map(({ range }) => [range.lineage, range.endOffset])
}

test('the histories of a partition go one after the other, but for its last segment', () => {
  assert.deepEqual(planOf([historyOf(1, [1, 1, 1]), historyOf(2, [1, 1, 1])]), [
    [1, 30n],
    [2, 20n],
  ])
})

test('nothing goes of a history while something of the one that it goes on from stays', () => {
  assert.deepEqual(planOf([historyOf(1, [1, 2, 1]), historyOf(2, [1, 1, 1])]), [[1, 10n]])
})
