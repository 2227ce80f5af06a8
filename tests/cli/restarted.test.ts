import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openTempFolder, type TempFolder } from '../../packages/testkit/src/temp-folder.ts'
import { assertExit } from '../harness/archive.ts'
import { runProgram } from '../harness/run-program.ts'

const PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/kafka-backup.js', import.meta.url))
const STOP_EARLY = new URL('./children/stop-early.ts', import.meta.url).href
/** Nobody listens on this port. */
const NOBODY = '127.0.0.1:1'
const UNREACHABLE = 6

let folder: TempFolder
let file: string

before(async () => {
  folder = await openTempFolder('kb-restarted-')
  file = join(folder.path, 'backup.yaml')
  const settings = {
    backup_id: 'daily',
    source: { bootstrap_servers: [NOBODY], topics: { include: ['orders'] } },
    storage: { backend: 'filesystem', path: folder.path },
    backup: { continuous: true },
  }
  writeFileSync(file, JSON.stringify(settings))
})

after(() => folder?.close())

test('a continuous run that starts itself again still has a configuration that came through a pipe', () => {
  const line = 'cat "$1" | "$2" "$3" backup --config /dev/stdin'
  const end = spawnSync('sh', ['-c', line, 'sh', file, process.execPath, PROGRAM], { encoding: 'utf8' })
  assert.equal(end.status, UNREACHABLE, end.stderr)
  assert.match(end.stderr, /KB_CLUSTER_UNREACHABLE/)
})

test('a continuous run that is told to stop before it starts itself again does stop', async () => {
  const end = await runProgram(['backup', '--config', file], {
    env: { NODE_OPTIONS: `--import=${STOP_EARLY}` },
  })
  assertExit(end, 130)
  assert.match(end.stderr, /KB_INTERRUPTED/)
})
