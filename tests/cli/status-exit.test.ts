import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { BackupState } from '../../packages/core/src/format/backup-state.ts'
import { appendCommit } from '../../packages/core/src/repository/commit-log.ts'
import { FilesystemBackend } from '../../packages/core/src/storage/filesystem/backend.ts'
import { BACKUP, draft } from '../../packages/core/test/verify/archive-writer.ts'
import { openTempFolder, type TempFolder } from '../../packages/testkit/src/temp-folder.ts'
import { expectExit } from '../harness/archive.ts'

const PLACE = { topic: 'orders', partition: 0 }
const TOPIC = { name: 'orders', topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitions: 1 }

let folder: TempFolder

before(async () => {
  folder = await openTempFolder('kb-status-')
})

after(() => folder?.close())

for (const [what, exitCode, gaps] of [
  ['misses nothing', 0, []],
  ['has a gap', 3, [{ ...PLACE, lineage: 1, firstOffset: 5n, endOffset: 9n, reason: 'deleted_before_read' }]],
] as const) {
  test(`status of a continuous run that was stopped and ${what} ends with exit code ${exitCode}`, async () => {
    const path = `${folder.path}/${exitCode}`
    const storage = new FilesystemBackend(path)
    const state = new BackupState(BACKUP)
    const begins = [{ ...PLACE, offset: 5n }]
    const { run } = draft('run-1', 'interrupted')
    const endless = { ...run, isContinuous: true as const }
    // In a commit before the last one, too, it is of the run.
    const running = { ...endless, outcome: 'running' as const }
    await appendCommit(storage, state, draft('', 'running', { run: running, topics: [TOPIC], begins, gaps }))
    await appendCommit(storage, state, draft('', 'interrupted', { run: endless }))
    const end = await expectExit(exitCode, [
      ...['status', '--path', path, '--backup-id', BACKUP, '--output-format', 'json'],
      ...['--offset-storage-db-path', `${folder.path}/absent.db`],
    ])
    assert.equal(end.json<{ state: string }>().state, 'interrupted')
  })
}
