import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolders } from '../../src/runtime/make-folders.ts'
import { withSandbox } from '../storage/sandbox.ts'

const MODE = 0o700

test('makes what is missing, for this account only, and finds what is there', () =>
  withSandbox(async ({ folder }) => {
    const path = join(folder, 'a', 'b', 'c')
    for (let time = 0; time < 2; time++) makeFolders(path, MODE)
    for (const made of [path, join(folder, 'a')]) assert.equal(statSync(made).mode & 0o777, MODE)
    writeFileSync(join(folder, 'file'), 'x')
    assert.throws(() => makeFolders(join(folder, 'file'), MODE), { code: 'EEXIST' })
    assert.throws(() => makeFolders(join(folder, 'file', 'd'), MODE), { code: 'ENOTDIR' })
  }))

// The database of a run was to lie below /proc: its thread never came back, and the process did not end.
test('ends below what takes no folders and says that something above is missing', (t) => {
  if (!existsSync('/proc/self')) return t.skip('there is no /proc here')
  const module = JSON.stringify(new URL('../../src/runtime/make-folders.ts', import.meta.url).href)
  const script = `import { makeFolders } from ${module}; makeFolders('/proc/kafka-backup/state', ${MODE})`
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  assert.equal(child.signal, null, 'it came back by itself')
  assert.match(child.stderr, /nobody can make the folder \/proc\/kafka-backup there \(ENOENT\)/)
})
