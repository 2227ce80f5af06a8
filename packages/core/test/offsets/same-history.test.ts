import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { historyAt, isSameHistory } from '../../src/offsets/same-history.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { BACKUP, draft } from '../verify/archive-writer.ts'
import { withStore } from '../verify/tamperable-store.ts'

const PLACE = { topic: 'orders', partition: 0 }
const GAP = { ...PLACE, reason: 'missing_in_log' } as const
/** Offsets 0 to 100, then from 60 on another end of the log, then another topic of the same name. */
const TRUNCATED = { lineage: 2, reason: 'log_truncated', beginOffset: 60n, commonEndOffset: 60n } as const
const RECREATED = { lineage: 3, reason: 'topic_recreated', beginOffset: 0n, commonEndOffset: null } as const

test('an offset is of both histories below where they part', () =>
  withStore('memory', async ({ backend }) => {
    const state = new BackupState(BACKUP)
    const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
    const begins = [{ ...PLACE, offset: 0n }]
    const gaps = [{ ...GAP, lineage: 1, firstOffset: 0n, endOffset: 100n }]
    await appendCommit(backend, state, draft('a', 'running', { topics, begins, gaps }))
    const since = { ...PLACE, topicId: null }
    await appendCommit(
      backend,
      state,
      draft('b', 'running', {
        divergences: [{ ...since, ...TRUNCATED, previousEndOffset: 100n }],
        gaps: [{ ...GAP, lineage: 2, firstOffset: 60n, endOffset: 80n }],
      }),
    )
    const again = { ...since, ...RECREATED, previousEndOffset: 80n }
    await appendCommit(backend, state, draft('c', 'running', { divergences: [again] }))
    const isSame = (committed: number, restored: number, offset: bigint) =>
      isSameHistory(state, { ...PLACE, offset }, { committed, restored })
    assert.deepEqual([isSame(1, 1, 99n), isSame(3, 3, 7n)], [true, true])
    for (const [one, other] of [
      [1, 2],
      [2, 1],
    ] as const) {
      assert.deepEqual([isSame(one, other, 60n), isSame(one, other, 61n)], [true, false])
    }
    assert.deepEqual(
      [0n, 1n, 2n, 3n, 9n].map((commit) => historyAt(state, PLACE, commit)),
      [1, 1, 2, 3, 3],
    )
    assert.equal(historyAt(state, { topic: 'other', partition: 0 }, 1n), undefined)
    assert.deepEqual([isSame(1, 3, 0n), isSame(2, 3, 5n), isSame(3, 2, 5n)], [false, false, false])
  }))
