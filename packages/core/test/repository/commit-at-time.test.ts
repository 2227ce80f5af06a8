import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { commitAtTime } from '../../src/repository/commit-at-time.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { BACKUP, draft } from '../verify/archive-writer.ts'
import { withStore } from '../verify/tamperable-store.ts'

const TIMES = [1_000n, 2_000n, 2_000n, 5_000n, 9_000n]

test('a time is that of the last commit before it', () =>
  withStore('memory', async ({ backend }) => {
    const state = new BackupState(BACKUP)
    for (const createdAtMs of TIMES) {
      await appendCommit(backend, state, { ...draft(`run-${createdAtMs}`, 'complete'), createdAtMs })
    }
    for (let timeMs = 1_000n; timeMs <= 10_000n; timeMs += 500n) {
      const expected = BigInt(TIMES.filter((own) => own <= timeMs).length)
      assert.equal(await commitAtTime(backend, state, timeMs), expected, `${timeMs}`)
    }
    const early = commitAtTime(backend, state, 999n)
    await assert.rejects(early, { code: 'KB_USAGE', message: /begins at 1970-01-01T00:00:01\.000Z/ })
  }))
