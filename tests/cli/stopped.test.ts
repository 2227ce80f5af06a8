import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BackupState } from '../../packages/core/src/format/backup-state.ts'
import { appendCommit } from '../../packages/core/src/repository/commit-log.ts'
import { FilesystemBackend } from '../../packages/core/src/storage/filesystem/backend.ts'
import { BACKUP, draft } from '../../packages/core/test/verify/archive-writer.ts'
import { openTempFolder, type TempFolder } from '../../packages/testkit/src/temp-folder.ts'
import { assertExit } from '../harness/archive.ts'
import { runProgram } from '../harness/run-program.ts'

const STOPPED_READER = fileURLToPath(new URL('children/stopped-reader.ts', import.meta.url))
const STOP_OUTSIDE = new URL('children/stop-outside.ts', import.meta.url).href

let folder: TempFolder

before(async () => {
  folder = await openTempFolder('kb-stopped-')
  await appendCommit(new FilesystemBackend(folder.path), new BackupState(BACKUP), draft('run-1', 'complete'))
})

after(() => folder?.close())

for (const [finds, exitCode, code] of [
  ['damage', 4, 'KB_COMMIT_CORRUPT'],
  ['refusal', 8, 'KB_STORAGE_PERMISSION'],
  ['defect', 70, 'KB_INTERNAL'],
  ['silence', 130, 'KB_INTERRUPTED'],
  ['abort', 130, 'KB_INTERRUPTED'],
] as const) {
  test(`after Ctrl-C ${finds} ends it with exit code ${exitCode}`, async () => {
    const args = ['describe', '--path', folder.path, '--backup-id', BACKUP, '--output-format', 'json']
    const end = await runProgram(args, { env: { FINDS: finds }, program: STOPPED_READER })
    assertExit(end, exitCode)
    assert.equal(end.json<{ error: { code: string } }>().error.code, code)
    assert.match(end.stderr, /Stopping/)
  })
}

for (const when of ['before', 'after']) {
  test(`a signal ${when} the program watches for it ends it with the exit code of a stop`, async () => {
    const env = { WHEN: when, NODE_OPTIONS: `--import=${STOP_OUTSIDE}` }
    const end = await runProgram(['describe', '--path', folder.path, '--backup-id', BACKUP], { env })
    assertExit(end, 130)
    assert.equal(end.stdout === '', when === 'before', end.stdout)
  })
}
